import { getNamedType, isRequiredArgument } from 'graphql';
import postgres from 'postgres';
import { afterAll, expect, test } from 'vitest';
import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Caller, startApi } from '../support/api.ts';
import { cloneDatabase } from '../support/database.ts';
import { createFixtures, validCase } from '../support/fixtures.ts';
import { mutations, queries, type RootField, schema } from '../support/introspect.ts';
import { connectionsOf, pageOf, selectAll } from '../support/selection.ts';
import {
  explainTasks,
  INSTANCE,
  OF_SEVERAL_ORGANIZATIONS,
  shardGroups,
  statementsOfSeveral,
  tenantGroupsOf,
} from '../support/shards.ts';
import { recordWire, type SentStatement } from '../support/wire.ts';
import { createApiToken, createOrganization } from '../support/world.ts';

const database = await cloneDatabase();
const wire = recordWire(database.url);
const api = await startApi({ database, client: { dial: wire.dial } });
const groups = await shardGroups(api.root);
const acme = await createOrganization(api, 'acme');
const fixtures = createFixtures(api, acme);
const token = await createApiToken(api, acme.owner, 'WRITE');

const runtime = postgres(database.url, {
  max: 1,
  fetch_types: false,
  onnotice: () => undefined,
  connection: { role: RUNTIME_ROLE } as object,
});
afterAll(() => runtime.end());
const binding = { organization: organizationUuid(acme), person: uuidOf('usr', acme.owner.userId) };

/** Mutations that use another organization than the one of the caller's credential. Each statement uses one shard group. */
const CHANGES_ORGANIZATION = [
  'acceptInvitation',
  'createOrganization',
  'declineInvitation',
  'signIn',
  'switchOrganization',
];

/** Executes an operation, and returns its statements. */
async function statementsOf(caller: Caller, document: string, variables?: Record<string, unknown>) {
  wire.sent.length = 0;
  const { data, errors } = await caller.query(document, variables);
  return { data, errors, sent: [...wire.sent] };
}

/** The statements whose plan uses more than one shard, or has several parts. */
async function planOfSeveral(sent: readonly SentStatement[]): Promise<string[]> {
  const distinct = new Map(
    sent.filter((statement) => tenantGroupsOf(statement, groups).size > 0).map((each) => [each.text, each]),
  );
  const found: string[] = [];
  for (const [text, statement] of distinct) {
    if (Object.values(OF_SEVERAL_ORGANIZATIONS).some((pattern) => pattern.test(text))) continue;
    const tasks = await explainTasks(runtime, binding, statement);
    // None for a call of a function. The shards of its statements are in `notices`.
    if (String(tasks) !== '1' && !/\bambit\.\w+\(/.test(text)) found.push(`${tasks}: ${text}`);
  }
  return found;
}

/** Expects that a request uses the shards of one organization, and each of its statements one shard group. */
async function expectOneShard(sent: readonly SentStatement[], mayChange = false): Promise<void> {
  expect(statementsOfSeveral(sent, groups)).toEqual([]);
  expect(await planOfSeveral(sent)).toEqual([]);
  const ordinary = sent.filter(({ text }) => !Object.values(OF_SEVERAL_ORGANIZATIONS).some((each) => each.test(text)));
  const used = new Set(ordinary.flatMap((statement) => [...tenantGroupsOf(statement, groups)]));
  if (!mayChange) expect(used.size).toBeLessThanOrEqual(1);
}

test('a statement that names no organization is recognized, by the shards that it used and by its plan', async () => {
  wire.sent.length = 0;
  await api.sql.unsafe('select count(*) from checks');
  const all = new Set(groups.values());
  all.delete(INSTANCE);
  expect(all.size).toBe(4);
  const [statement] = wire.sent.filter(({ text }) => text.includes('checks'));
  expect(tenantGroupsOf(statement as SentStatement, groups)).toEqual(all);
  expect(statementsOfSeveral(wire.sent, groups)).toEqual(['select count(*) from checks']);
  expect(await planOfSeveral(wire.sent)).toEqual(['4: select count(*) from checks']);
});

test.each(mutations.map(({ name }) => name))('%s uses one shard', async (name) => {
  const { caller = acme.owner, input } = await validCase(fixtures, name);
  const type = mutations.find((field) => field.name === name)?.args[0]?.type;
  const document = `mutation ($input: ${type}) { ${name}(input: $input) { errors { code } } }`;
  const { errors, sent } = await statementsOf(caller, document, { input });
  expect(errors).toBeUndefined();
  await expectOneShard(sent, CHANGES_ORGANIZATION.includes(name));
});

test('declineInvitation without a credential uses one shard', async () => {
  const { input } = await validCase(fixtures, 'declineInvitation');
  const document = `mutation ($input: DeclineInvitationInput!) { declineInvitation(input: $input) { errors { code } } }`;
  const { errors, sent } = await statementsOf(api.as(), document, { input });
  expect(errors).toBeUndefined();
  expect(sent.some((statement) => tenantGroupsOf(statement, groups).size > 0)).toBe(true);
  await expectOneShard(sent);
});

const connections = new Map(connectionsOf(schema).map(({ name, field }) => [name, field]));
const withoutArguments = queries.filter(({ args }) => !args.some(isRequiredArgument));

/** Everything that the query returns, two objects deep. Of the matrix one, because it would be too expensive. */
async function documentOf(field: RootField): Promise<string> {
  const type = getNamedType(field.type);
  if (field.name === 'accessMatrix') return `{ accessMatrix(first: 2) { ${pageOf(schema, type, 1)} } }`;
  if (connections.has(`Query.${field.name}`)) return `{ ${field.name}(first: 2) { ${pageOf(schema, type, 2)} } }`;
  const id = field.args.some(({ name }) => name === 'id') ? `(id: "${await fixtures.one(type.name)}")` : '';
  const selection = 'getFields' in type ? selectAll(schema, type, 2) : '';
  return `{ ${field.name}${id} ${selection && `{ ${selection} }`} }`;
}

test.each(withoutArguments.map((field) => [field.name, field] as const))('%s uses one shard', async (name, field) => {
  const document = await documentOf(field);
  for (const caller of [acme.owner, token]) {
    const { data, errors, sent } = await statementsOf(caller, document);
    expect(data?.[name], JSON.stringify(errors)).toEqual(expect.anything());
    await expectOneShard(sent);
  }
});

test('a node of each type is read from one shard', async () => {
  for (const type of ['Check', 'Category', 'Project', 'Role', 'Policy', 'ServiceAccount', 'Invitation']) {
    const id = await fixtures.one(type);
    const document = `query ($id: ID!) { node(id: $id) { ... on ${type} { id } } }`;
    const { data, sent } = await statementsOf(acme.owner, document, { id });
    expect(data).toEqual({ node: { id } });
    await expectOneShard(sent);
  }
});
