import { globSync, readFileSync } from 'node:fs';
import { type GraphQLInputType, type GraphQLObjectType, getNamedType, isInputObjectType, isObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { ENDPOINTS, EVENT_ENDPOINTS, POST_ENDPOINTS, UPLOADS } from '../../src/access/endpoints.ts';
import { METRICS_PATH } from '../../src/http/metrics/route.ts';
import { FORMS } from '../../src/http/reports/paths.ts';
import { mutations, queries, type RootField, schema } from '../support/introspect.ts';
import { ATTACKS, type Attack, ENTRY_POINTS, MAKERS, PUBLIC_ENDPOINTS } from './entry-points.ts';

/** A name of a field that holds a secret, a token or a password. */
const SECRET = /(^|[a-z])(secret|token|password)$/i;

const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'));

/** The types that have a scalar field with such a name, as `IssuedSession.accessToken`. */
const typesWithSecrets = types
  .filter(isObjectType)
  .filter((type) =>
    Object.values(type.getFields()).some((field) => SECRET.test(field.name) && !isObjectType(getNamedType(field.type))),
  )
  .map(({ name }) => name);

const fieldsOf = (field: RootField): object => (getNamedType(field.type) as GraphQLObjectType).getFields();

const giving = mutations
  .filter((field) => {
    const payload = getNamedType(field.type);
    const parts = isObjectType(payload) ? Object.values(payload.getFields()).map(({ type }) => getNamedType(type)) : [];
    return [payload, ...parts].some(({ name }) => typesWithSecrets.includes(name));
  })
  .map(({ name }) => name);

function takesSecret(type: GraphQLInputType, name: string): boolean {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return SECRET.test(name);
  return Object.values(named.getFields()).some((field) => takesSecret(field.type, field.name));
}

const taking = [...queries, ...mutations]
  .filter((field: RootField) => field.args.some((arg) => takesSecret(arg.type, arg.name)))
  .map(({ name }) => name);

const sources = globSync('src/**/*.ts').map((path) => ({ path, text: readFileSync(path, 'utf8') }));

const entryPointsThat = (does: 'gives' | 'takes', are: (name: string) => boolean): string[] =>
  Object.keys(ENTRY_POINTS)
    .filter((name) => ENTRY_POINTS[name]?.does.includes(does) && are(name))
    .toSorted();

const isField = (name: string): boolean => !name.includes(' ') && !name.includes('-');

describe('the table has', () => {
  test('every mutation whose response contains a secret, and no type but payloads and sessions has one', () => {
    const byMail = ['createInvitations', 'resendInvitation'];
    const inUrls = mutations.filter((field) => 'url' in fieldsOf(field)).map(({ name }) => name);
    expect([...giving, ...byMail, ...inUrls].toSorted()).toEqual(entryPointsThat('gives', isField));
    const payloads = mutations.map((field) => getNamedType(field.type).name);
    expect(typesWithSecrets.filter((name) => !payloads.includes(name))).toEqual(['IssuedSession']);
  });

  test('every field with a secret in its input', () => {
    expect(taking.toSorted()).toEqual(entryPointsThat('takes', isField));
  });

  test('every file that makes a secret or issues tokens', () => {
    const making = sources
      .filter(({ text }) => /\bnewSecret(Columns)?\(|\bkeys\.sign\('(access|reports)'/.test(text))
      .map(({ path }) => path);
    // The demo makes its secret at the start, without a caller.
    const shared = ['src/lib/secret.ts', 'src/resources/api-token/insert.ts', 'src/startup/demo-events.ts'];
    expect(making.filter((path) => !shared.includes(path)).toSorted()).toEqual(Object.keys(MAKERS).toSorted());
    expect(
      Object.values(MAKERS)
        .flat()
        .filter((entryPoint) => !(entryPoint in ENTRY_POINTS)),
    ).toEqual([]);
    const given = new Set(Object.values(MAKERS).flat());
    expect(entryPointsThat('gives', isField).filter((entryPoint) => !given.has(entryPoint))).toEqual([]);
  });

  /** It reads no credential. */
  const REDIRECT = 'GET /reports/sign-out';

  test('every endpoint, except those that are public', () => {
    const gets = [...Object.keys(ENDPOINTS), METRICS_PATH].filter((path) => !PUBLIC_ENDPOINTS.includes(path));
    const endpoints = [...gets, '/graphql'].map((path) => `GET ${path}`);
    const posts = [...POST_ENDPOINTS, ...Object.keys(UPLOADS), ...Object.keys(EVENT_ENDPOINTS), '/graphql'].map(
      (path) => `POST ${path}`,
    );
    const ofReports = FORMS.flatMap((path) => [`GET ${path}`, `POST ${path}`]).filter((name) => name !== REDIRECT);
    expect(entryPointsThat('takes', (name) => name.includes(' '))).toEqual(
      [...endpoints, ...posts, ...ofReports, 'GET /reports/*'].toSorted(),
    );
  });

  test('every reader of the header Authorization', () => {
    const readers = sources.filter(({ text }) => /headers(\.|\[')authorization/.test(text)).map(({ path }) => path);
    // The handler passes it to GraphQL, to the exports and to the endpoints for POST.
    expect(readers.toSorted()).toEqual(['src/http/handler.ts', 'src/http/metrics/route.ts', 'src/http/schema-file.ts']);
  });

  test('every reader of cookies, which are those of the reports', () => {
    const readers = sources.filter(({ text }) => /headers(\.|\['|: \{ )cookie/.test(text)).map(({ path }) => path);
    expect(readers).toEqual(['src/http/reports/cookie.ts']);
  });
});

const proofs = Object.entries(ENTRY_POINTS).flatMap(([entryPoint, { proofs: own }]) =>
  Object.entries(own).map(([attack, proof]) => ({ entryPoint, attack: attack as Attack, proof })),
);

test('each attack on each entry point is tried in a test that exists, or is impossible', () => {
  for (const { proofs: own } of Object.values(ENTRY_POINTS))
    expect(Object.keys(own).toSorted()).toEqual(Object.keys(ATTACKS).toSorted());
  const missing = proofs.filter(({ proof }) => {
    if (typeof proof === 'string' || 'impossible' in proof) return false;
    return !readFileSync(proof.file, 'utf8').includes(proof.test);
  });
  expect(missing).toEqual([]);
});
