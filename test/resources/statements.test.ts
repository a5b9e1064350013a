import { complexityFromQuery } from '@pothos/plugin-complexity';
import { type GraphQLInterfaceType, type GraphQLNamedType, getNamedType, isCompositeType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/http/limits.ts';
import { type IdPrefix, newId, toPublicId } from '../../src/lib/ids.ts';
import { buildSchema } from '../../src/schema.ts';
import { type Json, startApi } from '../support/api.ts';
import { type Connection, connectionsOf, everything, pageOf } from '../support/selection.ts';
import { answerTogether, statementsOf } from '../support/statements.ts';
import { ask } from '../support/world.ts';
import { type Crowd, crowd } from './crowd.ts';

const api = await startApi({ pool: 2 });
answerTogether(api);
const schema = buildSchema();

const MANY = 100;
/** Room for those, and for the little that an organization starts with. */
const FIRST = MANY + 12;
const [few, many] = [await crowd(api, 'few', 1), await crowd(api, 'many', MANY)];

interface Asking {
  /** Arguments beside the size of the page. */
  args?: string;
  /** What stands around a list that is no field of the query, with `$` in its place. */
  around?: string;
}

/** How each list is asked for. A new connection adds its line here, and to the crowd what it lists. */
const LISTS: Record<string, (place: Crowd) => Asking[]> = {
  'Query.accessMatrix': () => [{ args: 'permissions: ["check:read"]' }],
  'Query.apiTokens': () => [{}],
  'Query.auditEvents': () => [{}],
  'Query.categories': () => [{}],
  'Query.checks': () => [{}],
  'Query.invitations': () => [{}],
  'Query.levels': () => [{}],
  'Query.members': () => [{}],
  'Query.policies': ({ project }) => [{}, { args: `projectId: "${project}"` }],
  'Query.projects': () => [{}],
  'Query.roles': ({ project }) => [{}, { args: `projectId: "${project}"` }],
  'Query.serviceAccounts': () => [{}],
  'Query.sessions': () => [{}],
  'Query.whoCan': () => [{ args: 'permission: "check:read"' }],
  'Project.members': ({ project }) => [{ around: `place: project(id: "${project}") { $ }` }],
  'Role.members': ({ role }) => [{ around: `place: node(id: "${role}") { ... on Role { $ } }` }],
};

const connections = connectionsOf(schema);
const nodeTypes = schema.getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType);

/** Selects as many levels of objects as an operation may ask for. */
function deep(documentOf: (depth: number) => string, variables: Record<string, unknown> = {}): string {
  const fits = (document: string): boolean =>
    complexityFromQuery(document, { schema, variables, ctx: {} }).complexity <= LIMITS.cost;
  const depth = [4, 3, 2].find((levels) => fits(documentOf(levels))) ?? 1;
  return documentOf(depth);
}

const listed = ({ field }: Connection, { around = '$', args = '' }: Asking): string =>
  deep((depth) => {
    const page = pageOf(schema, getNamedType(field.type), depth);
    return `{ ${around.replace('$', () => `${field.name}(first: ${FIRST} ${args}) { ${page} }`)} }`;
  });

/** What is answered, and what the server sends for it: each statement with how often. */
async function measure({ owner }: Crowd, document: string, variables?: Record<string, unknown>) {
  // What lasts longer than a request is there then: the grants, the plan of the operation, the prepared statements.
  await ask(owner, document, variables);
  let data: Json;
  const sent = await statementsOf(api, async () => {
    data = await ask(owner, document, variables);
  });
  const tally: Record<string, number> = {};
  for (const text of sent) {
    // The binding of a transaction is the one statement with ids in its text.
    const same = text.replaceAll(/'[0-9a-f-]{36}'/g, 'an id');
    tally[same] = (tally[same] ?? 0) + 1;
  }
  return { data, tally };
}

type Measured = Awaited<ReturnType<typeof measure>>;

/** Whoever fails here asks for each row by itself: see `loaderOf`, `batched` and `pagesOf` in src/loader.ts. */
const expectAlike = (one: Measured, hundred: Measured): void => expect(hundred.tally).toEqual(one.tally);

test('there is a line above for every connection of the schema, and a crowd of every node', () => {
  expect(connections.map(({ name }) => name).sort()).toEqual(Object.keys(LISTS).sort());
  expect(nodeTypes.map(({ name }) => name).sort()).toEqual(Object.keys(many.ids).sort());
});

describe.each(connections.map((connection) => [connection.name, connection] as const))('%s', (name, connection) => {
  const nodesOf = ({ data }: Measured): Json[] => (data.place ?? data)[connection.field.name].nodes;

  const variants = (LISTS[name]?.(few) ?? []).map((_, at) => at);

  test.each(variants)('sends as many statements for a hundred rows as for one, variant %i', async (at) => {
    const listIn = (place: Crowd) => measure(place, listed(connection, LISTS[name]?.(place)[at] as Asking));
    const [one, hundred] = [await listIn(few), await listIn(many)];
    expect(nodesOf(one).length).toBeLessThanOrEqual(FIRST - MANY);
    expect(nodesOf(hundred).length).toBeGreaterThanOrEqual(MANY);
    expectAlike(one, hundred);
  });
});

/** So many ids of the type. There is one organization and one rubric: what else is asked for is not there. */
function idsOf({ name }: GraphQLNamedType, count: number): string[] {
  const known = (many.ids[name] as string[]).slice(0, count);
  const prefix = known[0]?.split('_')[0] as IdPrefix;
  return [...known, ...Array.from({ length: count - known.length }, () => toPublicId(prefix, newId()))];
}

describe.each(nodeTypes.map((type) => [type.name, type] as const))('%s', (_name, type) => {
  const selected = (depth: number): string => `... on ${type.name} { ${everything(schema, type, depth)} }`;

  test('is read by nodes(ids:) with as many statements for a hundred as for one', async () => {
    const document = deep((depth) => `query ($ids: [ID!]!) { nodes(ids: $ids) { ${selected(depth)} } }`, {
      ids: idsOf(type, MANY),
    });
    const nodes = (count: number) => measure(many, document, { ids: idsOf(type, count) });
    const [one, hundred] = [await nodes(1), await nodes(MANY)];
    expectAlike(one, hundred);
    const objects = Object.values(type.getFields()).filter((field) => isCompositeType(getNamedType(field.type)));
    for (const { name } of objects)
      expect(hundred.data.nodes[MANY - 1][name] ?? [], `the crowd has no ${name}`).not.toEqual([]);
  });

  test('is read by fifty times node(id:) in one document with as many statements as by one', async () => {
    const nodes = (count: number) => {
      const fields = idsOf(type, count).map((id, at) => `n${at}: node(id: "${id}") { ...All }`);
      return measure(many, `{ ${fields.join(' ')} } fragment All on ${type.name} { ${everything(schema, type, 1)} }`);
    };
    expectAlike(await nodes(1), await nodes(50));
  });
});
