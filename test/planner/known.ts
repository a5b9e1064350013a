import { type GraphQLSchema, isObjectType, isRequiredArgument } from 'graphql';
import type { Caller, Json } from '../support/api.ts';
import { nodeTypes } from '../support/introspect.ts';
import { connectionsOf } from '../support/selection.ts';
import { queryData } from '../support/world.ts';
import type { Known, KnownCursor } from './vocabulary.ts';
import { DISTANT, ODD_TEXTS, type World } from './world.ts';

/** The IDs, keys and cursors of a world, as the Owners of both organizations read them. */
export async function knownIn(schema: GraphQLSchema, world: World): Promise<Known> {
  const { acme, globex } = world;
  const [own, foreign] = [await idsFor(schema, acme.owner), await idsFor(schema, globex.owner)];
  const ids = Object.fromEntries(
    nodeTypes.map((type) => [type, [...(own[type] ?? []), ...(foreign[type] ?? []).slice(0, 2)]]),
  );
  const cursors = [...(await rootCursors(acme.owner)), ...(await nestedCursors(schema, acme.owner, own))];
  return { ids, cursors, ...KEYS };
}

const KEYS = {
  keys: {
    alias: ['security', 'bronze', 'tier_1', 'alpha', 'alias_1', 'check_3', 'ALIAS_1'],
    key: ['first', 'second', 'FIRST'],
    name: ['Reader of data', 'Robot'],
    email: ['owner@acme.test', 'read@acme.test', 'owner@globex.test'],
    principalEmail: ['read@acme.test', 'owner@globex.test'],
    action: ['createCheck', 'createProject'],
  },
  searches: ['e', 'the same', 'A', '"', '\\', ...ODD_TEXTS.filter((text) => text !== '' && !text.includes('\n'))],
  times: [DISTANT, '2024-01-02T03:04:05.123Z', '1969-12-31T23:59:59.999Z', '2024-06-01T00:00:00+02:00'],
};

const listsOf = (schema: GraphQLSchema) =>
  connectionsOf(schema).filter(
    ({ field, node, name }) =>
      name.startsWith('Query.') &&
      isObjectType(node) &&
      'id' in node.getFields() &&
      !field.args.some(isRequiredArgument),
  );

/** IDs of the first and last objects of each type. */
async function idsFor(schema: GraphQLSchema, caller: Caller): Promise<Record<string, string[]>> {
  const lists = listsOf(schema).filter(({ node }) => nodeTypes.includes(node.name));
  const parts = lists.map(
    ({ field: { name }, node }) =>
      `${node.name}: ${name}(first: 5) { nodes { id } } last${node.name}: ${name}(last: 3) { nodes { id } }`,
  );
  const half = Math.ceil(parts.length / 2);
  const data = {
    ...(await queryData(caller, `{ ${parts.slice(0, half).join(' ')} }`)),
    ...(await queryData(caller, `{ ${parts.slice(half).join(' ')} }`)),
  };
  const one = await queryData(
    caller,
    '{ rubric { id } organization { id } viewer { user { id } } projects { nodes { members(first: 3) { nodes { id } } } } }',
  );
  return {
    ...Object.fromEntries(
      lists.map(({ node: { name } }) => [
        name,
        [...data[name].nodes, ...data[`last${name}`].nodes].map(({ id }: Json) => id),
      ]),
    ),
    Rubric: [one.rubric.id],
    Organization: [one.organization.id],
    User: [one.viewer.user.id],
    ProjectMember: one.projects.nodes.flatMap(({ members }: Json) => members.nodes.map(({ id }: Json) => id)),
  };
}

const EDGES = '{ edges { cursor } }';

/** Cursors of lists with orders and filters. */
async function rootCursors(caller: Caller): Promise<KnownCursor[]> {
  const asked: [field: string, text: string, args: Record<string, Json>][] = [
    ...['categories', 'levels', 'tiers', 'lifecycles', 'checks', 'datasets', 'projects', 'members', 'roles'].map(
      (field): [string, string, object] => [field, '', {}],
    ),
    ...['NAME', 'CREATED_AT', 'UPDATED_AT'].flatMap((field) =>
      ['ASC', 'DESC'].map((direction): [string, string, object] => [
        'checks',
        `, orderBy: {field: ${field}, direction: ${direction}}`,
        { orderBy: { field, direction } },
      ]),
    ),
    [
      'datasets',
      ', orderBy: {field: CREATED_AT, direction: DESC}',
      { orderBy: { field: 'CREATED_AT', direction: 'DESC' } },
    ],
    ['checks', ', filter: {enabled: true}', { filter: { enabled: true } }],
    ['checks', ', filter: {search: "the same"}', { filter: { search: 'the same' } }],
  ];
  const pages = asked.map(([field, text], at) => `p${at}: ${field}(first: 6${text}) ${EDGES}`);
  const data = await queryData(caller, `{ ${pages.join(' ')} }`);
  return asked.flatMap(([field, , args], at) => cursorsOf(data[`p${at}`]).map((cursor) => ({ field, args, cursor })));
}

const cursorsOf = (page: Json): string[] => (page?.edges ?? []).map((edge: Json) => edge.cursor);

/** Cursors of the lists of single objects. */
async function nestedCursors(
  schema: GraphQLSchema,
  caller: Caller,
  ids: Record<string, string[]>,
): Promise<KnownCursor[]> {
  const nested = connectionsOf(schema).flatMap(({ name, field }) => {
    const [type = ''] = name.split('.');
    return (ids[type] ?? []).slice(0, 4).map((parent) => ({ type, parent, field: field.name }));
  });
  const known: KnownCursor[] = [];
  for (let at = 0; at < nested.length; at += 20) {
    const part = nested.slice(at, at + 20);
    const parts = part.map(
      ({ type, parent, field }, index) =>
        `n${index}: node(id: "${parent}") { ... on ${type} { ${field}(first: 3) ${EDGES} } }`,
    );
    const data = await queryData(caller, `{ ${parts.join(' ')} }`);
    for (const [index, { parent, field }] of part.entries())
      for (const cursor of cursorsOf(data[`n${index}`]?.[field])) known.push({ field, parent, args: {}, cursor });
  }
  return known;
}
