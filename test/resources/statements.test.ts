import { complexityFromQuery } from '@pothos/plugin-complexity';
import {
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  getNamedType,
  getNullableType,
  isCompositeType,
  isListType,
  isNonNullType,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/http/limits.ts';
import { type IdPrefix, newId, toPublicId } from '../../src/lib/ids.ts';
import { buildSchema } from '../../src/schema.ts';
import { type Json, startApi } from '../support/api.ts';
import { type InsertedRows, insertRows } from '../support/rows.ts';
import { sample } from '../support/sample.ts';
import { type Connection, connectionsOf, pageOf, selectAll } from '../support/selection.ts';
import { batchResponses, statementsOf } from '../support/statements.ts';
import { createOrganization, queryData } from '../support/world.ts';

const api = await startApi({ pool: 2 });
batchResponses(api);
const schema = buildSchema();

const MANY = 100;
/** The page size for these rows and the defaults of a new organization. */
const FIRST = MANY + 16;
const few = await insertRows(api, await createOrganization(api, 'few'), 1);
const many = await insertRows(api, await createOrganization(api, 'many'), MANY);
await api.root`update roles set statements = ${api.root.json([{ effect: 'ALLOW', permissions: ['trace:read'] }])}`;

/** A sample of lists and types; all of them in a long run. */
const connections = sample(connectionsOf(schema), 7, 'lists');
const nodeTypes = schema.getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType);

const fits = (document: string, variables: Record<string, unknown>): boolean =>
  complexityFromQuery(document, { schema, variables, ctx: {} }).complexity <= LIMITS.cost;

/** Selects the maximum depth of an operation. */
const deep = (documentOf: (depth: number) => string, variables: Record<string, unknown> = {}): string =>
  documentOf([4, 3, 2].find((levels) => fits(documentOf(levels), variables)) ?? 1);

/** The document with the list: in the query, or in the parent with many items. */
function around({ name }: Connection, { parent }: InsertedRows): string {
  const [type = ''] = name.split('.');
  return type === 'Query' ? '$' : `place: node(id: "${parent(type)}") { ... on ${type} { $ } }`;
}

/** Arguments besides the page size: the required ones, and then also the project. */
function variantsOf({ field }: Connection, { parent }: InsertedRows): string[] {
  const required = field.args.flatMap(({ name, type }) => {
    if (getNamedType(type).name !== 'Permission') return [];
    return [`${name}: ${isListType(getNullableType(type)) ? '["check:read"]' : '"check:read"'}`];
  });
  const inProject = field.args.some(({ name }) => name === 'projectId') ? [`projectId: "${parent('Project')}"`] : [];
  const whole = field.args.some(({ name, type }) => name === 'projectId' && isNonNullType(type)) ? [] : [required];
  return [...whole, ...inProject.map((project) => [...required, project])].map((args) => args.join(', '));
}

const listed = (connection: Connection, inserted: InsertedRows, args: string, first: number): string =>
  deep((depth) => {
    const { field } = connection;
    const page = pageOf(schema, getNamedType(field.type), depth);
    return `{ ${around(connection, inserted).replace('$', () => `${field.name}(first: ${first} ${args}) { ${page} }`)} }`;
  });

/** How often the statements of a document are counted. */
const RUNS = 2;

/** The response, and the number of times that the server sends each statement. */
async function measure(
  { organization: { owner } }: InsertedRows,
  document: string,
  variables?: Record<string, unknown>,
) {
  // The first request fills the caches of grants, operation plans and prepared statements.
  await queryData(owner, document, variables);
  let data: Json;
  const measured: Tally[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const sent = await statementsOf(api, async () => {
      data = await queryData(owner, document, variables);
    });
    measured.push(tallyOf(sent));
  }
  return { data, measured };
}

/** How often each statement was sent. */
type Tally = Record<string, number>;

function tallyOf(sent: readonly string[]): Tally {
  const tally: Tally = {};
  // The signing keys are read again after some time by any request.
  for (const text of sent.filter((each) => !each.includes('from signing_keys'))) {
    // Only the binding of a transaction has IDs in its text.
    const same = text.replaceAll(/'[0-9a-f-]{36}'/g, 'an id');
    tally[same] = (tally[same] ?? 0) + 1;
  }
  return tally;
}

type Measured = Awaited<ReturnType<typeof measure>>;

/** The fewest and the most times that the statement was sent in one run. */
const rangeOf = ({ measured }: Measured, text: string): [fewest: number, most: number] => {
  const numbers = measured.map((tally) => tally[text] ?? 0);
  return [Math.min(...numbers), Math.max(...numbers)];
};

const textsOf = ({ measured }: Measured): string[] => measured.flatMap((tally) => Object.keys(tally));

/**
 * A failure means one statement per row: see `loaderOf`, `batched` and `pagesOf` in src/data/loader.ts. Responses of statements
 * that were sent together can arrive apart, so that what they lead to is loaded in two batches. Therefore the fewest of several
 * runs are compared with the most.
 */
function expectAlike(one: Measured, hundred: Measured): void {
  const different = [...new Set([...textsOf(one), ...textsOf(hundred)])].filter((text) => {
    const [[fewestOfOne, mostOfOne], [fewest, most]] = [rangeOf(one, text), rangeOf(hundred, text)];
    return fewest > mostOfOne || fewestOfOne > most;
  });
  expect(different).toEqual([]);
}

/**
 * One batch more for each statement. The only row under a parent refers back to the parent, which the request has read
 * already; of a hundred rows, some lists in the selection refer to other objects.
 */
function expectSimilar(one: Measured, hundred: Measured): void {
  const more = [...new Set(textsOf(hundred))].filter((text) => rangeOf(hundred, text)[0] > rangeOf(one, text)[1] + 1);
  expect(more).toEqual([]);
}

describe.each(connections.map((connection) => [connection.name, connection] as const))('%s', (_name, connection) => {
  const nodesOf = ({ data }: Measured): Json[] => (data.place ?? data)[connection.field.name].nodes;
  const variants = variantsOf(connection, few).map((_, at) => at);

  test.each(variants)('sends the same number of statements for a hundred rows as for one, variant %i', async (at) => {
    const listOf = (inserted: InsertedRows, first: number): string =>
      listed(connection, inserted, variantsOf(connection, inserted)[at] ?? '', first);
    // Items with many permissions exceed the cost of one operation in a page of a hundred.
    const size = [FIRST, 50].find((first) => fits(listOf(many, first), {})) ?? 20;
    const listIn = (inserted: InsertedRows) => measure(inserted, listOf(inserted, size));
    const [one, hundred] = [await listIn(few), await listIn(many)];
    expect(nodesOf(one).length).toBeLessThanOrEqual(FIRST - MANY);
    expect(nodesOf(hundred).length, `the registry inserts too few rows for ${connection.name}`).toBeGreaterThanOrEqual(
      Math.min(MANY, size),
    );
    if (connection.name.startsWith('Query.')) expectAlike(one, hundred);
    else expectSimilar(one, hundred);
  });
});

/** This many IDs of the type. For singletons, the other IDs are unknown. */
function idsOf({ name }: GraphQLNamedType, count: number): string[] {
  const known = (many.ids[name] as string[]).slice(0, count);
  const prefix = known[0]?.split('_')[0] as IdPrefix;
  return [...known, ...Array.from({ length: count - known.length }, () => toPublicId(prefix, newId()))];
}

describe.each(sample([...nodeTypes], 6, 'types').map((type) => [type.name, type] as const))('%s', (_name, type) => {
  const selected = (depth: number): string => `... on ${type.name} { ${selectAll(schema, type, depth)} }`;

  test('is read by nodes(ids:) with at most one batch more of each statement for many IDs than for one', async () => {
    const documentOf = (depth: number) => `query ($ids: [ID!]!) { nodes(ids: $ids) { ${selected(depth)} } }`;
    // Two levels select each object of the type. With a hundred IDs, that can exceed the cost of one operation.
    const count = [MANY, 20].find((size) => fits(documentOf(2), { ids: idsOf(type, size) })) ?? 5;
    const document = deep(documentOf, { ids: idsOf(type, count) });
    const nodes = (size: number) => measure(many, document, { ids: idsOf(type, size) });
    const [one, several] = [await nodes(1), await nodes(count)];
    expectSimilar(one, several);
    const last = several.data.nodes.findLast((node: Json) => node);
    // An object of the same type is not selected.
    const objects = Object.values(type.getFields()).filter(({ type: of }) => {
      const named = getNamedType(of);
      return isCompositeType(named) && named !== type;
    });
    for (const { name } of objects)
      expect(last[name] ?? [], `the rows of RESOURCES.${type.name} refer to no ${name}`).not.toEqual([]);
  });

  // Up to four are planned, each as a statement of its own.
  test('is read by fifty node(id:) fields in one document with the same number of statements as by five', async () => {
    const nodes = (count: number) => {
      const fields = idsOf(type, count).map((id, at) => `n${at}: node(id: "${id}") { ...All }`);
      return measure(many, `{ ${fields.join(' ')} } fragment All on ${type.name} { ${selectAll(schema, type, 1)} }`);
    };
    expectAlike(await nodes(5), await nodes(50));
  });
});
