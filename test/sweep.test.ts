import {
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
} from 'graphql';
import { expect, test } from 'vitest';
import { BUILT_IN_ROLES } from '../src/access/catalog.ts';
import { buildSchema } from '../src/schema.ts';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
} from './decisions/support.ts';
import { type Answer, type Caller, type Json, startApi } from './support/api.ts';
import { cast, done, found, mutate, tokenOf } from './support/world.ts';

/**
 * Every root field, asked by everybody, with ids of acme. The golden file says what each gets; read its diff as a
 * change of power. `-` stands for an anonymous caller, READ and WRITE for the Owner's tokens.
 */
const schema = buildSchema();
const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);
const globex = await found(api, 'globex');

/** Ids of acme's things, by the type that an argument's name speaks of. */
async function idsOfAcme(): Promise<Record<string, string>> {
  const { data } = await people.owner.query(`{
    organization { id } rubric { id } members(last: 1) { nodes { id } }
    categories(last: 1) { nodes { id } } levels(last: 1) { nodes { id } } sessions(last: 1) { nodes { id } } }`);
  const [categoryId, levelId] = [data.categories.nodes[0].id, data.levels.nodes[0].id];
  const { check } = await done(people.owner, CREATE_CHECK, { input: { name: 'Swept', categoryId, levelId } });
  const { apiToken } = await done(people.user, CREATE_TOKEN, { input: { name: 'Swept' } });
  const project = await createProject(people.owner, 'swept');
  const policyId = await createPolicy(people.owner, [allow('dataset:*')]);
  const role = await createRole(people.owner, 'Swept', [allow('dataset:read')]);
  const { invitations } = await mutate(
    people.owner,
    'createInvitation',
    { emails: ['guest@acme.test'], roleId: role },
    'invitations { id }',
  );
  return {
    Organization: data.organization.id,
    Member: data.members.nodes[0].id,
    Principal: data.members.nodes[0].id,
    Role: role,
    Policy: policyId,
    Project: project,
    ProjectMember: await giveProjectRole(people.owner, project, people.user.memberId, role),
    ServiceAccount: await createServiceAccount(people.owner, 'swept', role),
    Invitation: invitations[0].id,
    Category: categoryId,
    Level: levelId,
    Session: data.sessions.nodes[0].id,
    Check: check.id,
    ApiToken: apiToken.id,
  };
}
const CREATE_CHECK =
  'mutation ($input: CreateCheckInput!) { createCheck(input: $input) { check { id } errors { code } } }';
const CREATE_TOKEN =
  'mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { apiToken { id } errors { code } } }';

const ids = await idsOfAcme();

const unique = (): string => `swept-${Math.random().toString(36).slice(2)}`;

/** Texts that have to be of a form. */
const TEXTS: Record<string, () => string> = {
  slug: unique,
  key: unique,
  permission: () => 'dataset:read',
  permissions: () => 'dataset:read',
};

/** What an input asks for: of each required field something, of an id one of acme's. */
function sampleOf(type: GraphQLInputType, name: string, field: string): Json {
  if (isNonNullType(type)) return sampleOf(type.ofType, name, field);
  if (isListType(type)) return [sampleOf(type.ofType, name, field)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter(
      (part) => isNonNullType(part.type) && part.defaultValue === undefined,
    );
    return Object.fromEntries(fields.map((part) => [part.name, sampleOf(part.type, part.name, field)]));
  }
  if (!isScalarType(type) || type.name !== 'ID') return TEXTS[name]?.() ?? 'swept@acme.test';
  const about =
    name === 'id' || name === 'ids'
      ? field.replace(/^(update|delete|signOut|resend|transfer|node)s?/, '').replace('Ownership', 'Member') || 'Check'
      : name.replace(/Ids?$/, '');
  return ids[about.slice(0, 1).toUpperCase() + about.slice(1)] ?? ids['Check'];
}

function documentOf(kind: 'query' | 'mutation', field: GraphQLField<unknown, unknown>): [string, Record<string, Json>] {
  const args = field.args.filter((arg) => isNonNullType(arg.type));
  const variables = Object.fromEntries(args.map((arg) => [arg.name, sampleOf(arg.type, arg.name, field.name)]));
  const declared = args.map((arg) => `$${arg.name}: ${arg.type}`).join(', ');
  const passed = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  const type = getNamedType(field.type);
  const inside =
    !isObjectType(type) && type.name !== 'Node' ? '' : kind === 'mutation' ? '{ errors { code } }' : '{ __typename }';
  return [`${kind} ${declared && `(${declared})`} { ${field.name}${passed && `(${passed})`} ${inside} }`, variables];
}

function outcomeOf({ data, errors }: Answer, field: string): string {
  if (errors) return [...new Set(errors.map(({ extensions }) => extensions.reason ?? extensions.code))].join('+');
  const value = data[field];
  if (value === null || (Array.isArray(value) && value.every((item) => item === null))) return 'null';
  return value.errors?.length ? `input:${value.errors.map(({ code }: Json) => code).join('+')}` : 'ok';
}

/** Undoes what a field did, so that the next caller finds the same world. */
async function inTheSameWorld<T>(work: () => Promise<T>): Promise<T> {
  const tables = await api.root`select tablename from pg_tables where schemaname = 'public'`;
  const names = tables.map((row) => row['tablename'] as string);
  for (const name of names) await api.root.unsafe(`create table if not exists kept.${name} as table public.${name}`);
  try {
    return await work();
  } finally {
    await api.root.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx.unsafe(`truncate ${names.map((name) => `public.${name}`).join(', ')}`);
      for (const name of names) await tx.unsafe(`insert into public.${name} table kept.${name}`);
    });
  }
}

test('every root field answers everybody as the golden file says', async () => {
  const callers: [string, Caller][] = [
    ['-', api.as()],
    ['outsider', globex.owner],
    ...BUILT_IN_ROLES.map((role): [string, Caller] => [role, people[role]]),
    ['READ', await tokenOf(api, people.owner, 'READ')],
    ['WRITE', await tokenOf(api, people.owner, 'WRITE')],
  ];
  await api.root`create schema kept`;
  const rows = [['field', ...callers.map(([name]) => name)]];
  for (const kind of ['query', 'mutation'] as const) {
    const root = kind === 'query' ? schema.getQueryType() : schema.getMutationType();
    for (const field of Object.values(root?.getFields() ?? {})) {
      const [document, variables] = documentOf(kind, field);
      const row = [`${kind} ${field.name}`];
      for (const [, caller] of callers)
        row.push(outcomeOf(await inTheSameWorld(() => caller.query(document, variables)), field.name));
      rows.push(row);
    }
  }
  const text = `${rows.map((row) => row.join('\t')).join('\n')}\n`;
  await expect(text).toMatchFileSnapshot('golden/sweep.tsv');
});
