import {
  type GraphQLField,
  type GraphQLInputField,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isNonNullType,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { decodeId } from '../../src/lib/ids.ts';
import { createServiceAccount } from '../decisions/support.ts';
import { type ApiResponse, type Json, startApi } from '../support/api.ts';
import { leafFields, referencedBy, schema } from '../support/introspect.ts';
import { insertRows } from '../support/rows.ts';
import { sample } from '../support/sample.ts';
import { connectionsOf } from '../support/selection.ts';
import { createOrganization, mutate, queryData, roleId } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;

/** One filter matches half of these, which is more than the five that each list needs. */
const SIZE = 10;
const inserted = await insertRows(api, acme, SIZE, true);
for (const name of ['One', 'Two', 'Three', 'Four', 'Five']) await createServiceAccount(owner, name, roleId('user'));
/** Literals, because Citus does not allow functions that depend on the time zone in an UPDATE. */
const TIMES = [0, 1, 2, 3].map(
  (hours) => `when ${hours} then '${new Date(Date.now() - hours * 3_600_000).toISOString()}'::timestamptz`,
);

await mixOrders();

/** Sets repeated names and times, in another order than that of the IDs, where possible. */
async function mixOrders(): Promise<void> {
  const columns = await api.root`
    select c.table_name as table, c.column_name as column from information_schema.columns c
    join information_schema.columns o on o.table_name = c.table_name and o.column_name = 'organization_id'
    where c.table_schema = 'public' and c.column_name in ('name', 'created_at')`;
  for (const { table, column } of columns) {
    const [value, condition] =
      column === 'name'
        ? [`'Same name'`, 'name is not null and id in (select id from %t order by id desc limit 4)']
        : [`case abs(hashtext(id::text)) % 4 ${TIMES.join(' ')} end`, 'true'];
    await api.root
      .unsafe(`update ${table} set ${column} = ${value} where ${condition.replace('%t', table)}`)
      // Unique names stay unique.
      .catch((error) => expect(error).toMatchObject({ code: '23505' }));
  }
}

interface List {
  /** The name, such as `Type.field`. */
  name: string;
  field: GraphQLField<unknown, unknown>;
  /** The document around the field, with `$` in the position of the field. */
  around: string;
  /** Identifies a node without an ID. */
  node?: string;
}

const connections: List[] = connectionsOf(schema).map(({ name, field, node }) => {
  const [type = ''] = name.split('.');
  const parent = `parent: node(id: "${inserted.parent(type)}") { ... on ${type} { $ } }`;
  return {
    ...{ name, field, around: type === 'Query' ? '$' : parent },
    ...(!leafFields(node.name).includes('id') && { node: 'principal' }),
  };
});

/** Lists with arguments that change the fields of the items, but not the items. */
const SAME_ITEMS = ['Query.accessMatrix'];
const project = inserted.parent('Project');
/** Arguments of the lists of access decisions. */
const DECISION_ARGUMENTS: Record<string, object[]> = {
  'Query.whoCan': [
    { permission: 'check:read' },
    { permission: 'service:create' },
    { permission: 'project:read', targetId: project },
    { permission: 'trace:read', targetId: project },
    { permission: 'project:read', targetId: acme.id },
  ],
  'Query.accessMatrix': [
    { permissions: ['check:read'] },
    { permissions: ['dataset:read', 'trace:read'], targetId: project },
  ],
};

const PAGING = ['first', 'after', 'last', 'before'];

/** Every field in both directions. */
function ordersOf({ field }: List): object[] {
  const type = getNamedType(field.args.find(({ name }) => name === 'orderBy')?.type);
  if (!isInputObjectType(type)) return [];
  const valuesOf = (name: string): string[] => {
    const of = getNamedType(type.getFields()[name]?.type);
    return isEnumType(of) ? of.getValues().map((value) => value.name) : [];
  };
  return valuesOf('field').flatMap((by) =>
    valuesOf('direction').map((direction) => ({ orderBy: { field: by, direction } })),
  );
}

interface Filter {
  /** The field of the filter's input. */
  field: string;
  value: Json;
  /** The number of items with this value. */
  count: number;
  /** Whether the list omits these items without the filter. */
  isOmitted?: true;
}

/** Filters for what the lists of the rubric never have. */
const WITHOUT: Record<string, string[]> = {
  'Rubric.categories': ['scorecard'],
  'Rubric.checks': ['scorecard', 'campaignId'],
};

/** Whether the list omits the items that the filter selects, unless it is given. */
const selectsOmitted = ({ description }: GraphQLInputField): boolean => /By default, only/.test(description ?? '');

/** A filter for items that the list omits by default, and their number. */
async function omittedBy({ field, around }: List, { name, type }: GraphQLInputField): Promise<Filter> {
  const of = referencedBy(type);
  const target = of ?? `${name[0]?.toUpperCase()}${name.slice(1, -2)}`;
  const id = inserted.ids[target]?.[0];
  const list = `${field.name}(first: 500, filter: { ${name}: ${of ? `{ id: "${id}" }` : `"${id}"`} }) { nodes { id } }`;
  const data = await queryData(owner, `{ ${around.replace('$', list)} }`);
  const { length: count } = (data['parent'] ?? data)[field.name].nodes;
  return { field: name, value: of ? { id } : id, count, isOmitted: true };
}

const isInScorecard = ({ name }: GraphQLInputField): boolean => name === 'scorecardLevel';

/** The level that most services have in a scorecard. The pages are short, because each service can be in many scorecards. */
async function levelInScorecard({ field, around }: List): Promise<Filter> {
  const list = `${field.name}(first: 100) { nodes { scorecards { scorecard { id } level { id } } } }`;
  const data = await queryData(owner, `{ ${around.replace('$', list)} }`);
  const levels: Json[] = (data['parent'] ?? data)[field.name].nodes.flatMap(({ scorecards }: Json) => scorecards);
  const { value, count } = mostCommon(levels.map((one) => JSON.stringify(one)));
  return { field: 'scorecardLevel', value: JSON.parse(value), count };
}

/** The most frequent value for each field of the list's filter. */
async function filtersOf(of: List): Promise<Filter[]> {
  const { name, field, around } = of;
  const type = getNamedType(field.args.find((arg) => arg.name === 'filter')?.type);
  if (!isInputObjectType(type)) return [];
  const item = connectionsOf(schema).find((each) => each.name === name)?.node.name ?? '';
  const inputs = Object.values(type.getFields()).filter((each) => !WITHOUT[name]?.includes(each.name));
  const omitted = await Promise.all(inputs.filter(selectsOmitted).map((each) => omittedBy(of, each)));
  const inScorecard = await Promise.all(inputs.filter(isInScorecard).map(() => levelInScorecard(of)));
  const shown = inputs
    .filter((each) => !selectsOmitted(each) && !isInScorecard(each))
    .map((each) => ({ each, ...filteredBy(item, each) }));
  const selected = new Set(shown.map(({ selection }) => selection));
  const list = `${field.name}(first: 500) { nodes { id ${[...selected].join(' ')} } }`;
  const data = await queryData(owner, `{ ${around.replace('$', list)} }`);
  const nodes: Json[] = (data['parent'] ?? data)[field.name].nodes;
  const found = shown.map(({ each, read }) => {
    const values = nodes.map(read).filter((value) => value !== null && value !== undefined);
    if (each.name === 'search') return commonLetter(nodes.map(read));
    if (each.name === 'matches') return predicateOf(commonLetter(nodes.map(read)));
    if (each.name === 'since' || each.name === 'until') return fromMedian(each.name, values);
    const input = getNamedType(each.type);
    if (!isInputObjectType(input) || input.isOneOf) {
      const { value, count } = mostCommon(values);
      return { field: each.name, value: isInputObjectType(input) ? { id: value } : value, count };
    }
    // A range from the least value on.
    const [bound = ''] = Object.keys(input.getFields());
    return { field: each.name, value: { [bound]: values.toSorted()[0] }, count: values.length };
  });
  return [...found, ...inScorecard, ...omitted];
}

interface FilteredBy {
  selection: string;
  read(node: Json): Json;
}

/** The fields that the description names, such as `user.name`. */
function searched({ description }: GraphQLInputField): FilteredBy {
  const paths = [...(description?.split('contains')[0] ?? '').matchAll(/`([\w.]+)`/g)].map(([, path = '']) =>
    path.split('.'),
  );
  const selection = paths.map((path) => path.reduceRight((inside, field) => `${field} { ${inside} }`)).join(' ');
  const textAt = (node: Json, path: string[]): string => path.reduce((value, field) => value[field], node);
  return { selection, read: (node) => paths.map((path) => textAt(node, path)) };
}

/** The selection for a filter: `category { id }` for `categoryId` and `category`. */
function filteredBy(item: string, input: GraphQLInputField): FilteredBy {
  const { name, type } = input;
  if (name === 'search') return searched(input);
  if (name === 'matches') return { selection: 'name', read: (node) => [node.name] };
  if (item === 'Check' && name === 'scorecard')
    return { selection: 'category { scorecard { id } }', read: (node) => node.category.scorecard?.id };
  if (item === 'CheckResult' && (name === 'category' || name === 'level'))
    return { selection: `check { ${name} { id } }`, read: (node) => node.check[name].id };
  if (item === 'Invitation' && name === 'status')
    return { selection: 'expiresAt', read: (node) => (new Date(node.expiresAt) > new Date() ? 'PENDING' : 'EXPIRED') };
  if (name === 'since' || name === 'until') return { selection: 'id', read: (node) => timeOf(node.id) };
  if (name === 'createdBy') return { selection: 'createdById', read: (node) => node.createdById };
  if (leafFields(item).includes(name) || (!name.endsWith('Id') && !referencedBy(type)))
    return { selection: name, read: (node) => node[name] };
  const object = name.replace(/Id$/, '');
  return { selection: `${object} { id }`, read: (node) => node[object]?.id };
}

/** The milliseconds with which a UUIDv7 begins. */
const timeOf = (id: string): number => Number.parseInt(decodeId(id)?.uuid.replace('-', '').slice(0, 12) ?? '', 16);

/** The items from the median time on, or before it. */
function fromMedian(field: 'since' | 'until', times: number[]): Filter {
  const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  const count = times.filter((time) => (field === 'since' ? time >= median : time < median)).length;
  return { field, value: new Date(median).toISOString(), count };
}

function mostCommon(values: Json[]): { value: Json; count: number } {
  const counts = [...new Set(values)].map((value) => ({
    value,
    count: values.filter((each) => each === value).length,
  }));
  return counts.sort((a, b) => b.count - a.count)[0] ?? { value: undefined, count: 0 };
}

/** The letter that most items contain, each of which has several texts. */
function commonLetter(items: string[][]): Filter {
  const letters = items.flatMap((texts) => [...new Set(texts.join(' ').toLowerCase().match(/[a-z]/g))]);
  const { value, count } = mostCommon(letters);
  return { field: 'search', value, count };
}

/** The same as a predicate for the name. */
const predicateOf = ({ value, count }: Filter): Filter => ({
  ...{ field: 'matches', count },
  value: { predicates: [{ key: 'NAME', operator: 'CONTAINS', value }] },
});

const filters = new Map<string, Filter[]>();
for (const list of connections) filters.set(list.name, await filtersOf(list));

/** Filters that match at most one item: a service has one latest result in each check. */
const MATCHES_ONE: Record<string, string[]> = {
  'Service.checkResults': ['check'],
  'Check.results': ['service'],
};
const matchesOne = (list: string, field: string): boolean => MATCHES_ONE[list]?.includes(field) ?? false;

/** Arguments besides those of paging. Such a connection is also tested with each of these. */
function variantsOf(list: List): object[] {
  const has = (name: string): boolean => list.field.args.some((arg) => arg.name === name);
  const orders = ordersOf(list);
  const several = (filters.get(list.name) ?? []).filter(({ field }) => !matchesOne(list.name, field));
  const filtered = several.map(({ field, value }) => ({ filter: { [field]: value } }));
  return [
    ...(needs(list) ? [] : [{}]),
    ...(DECISION_ARGUMENTS[list.name] ?? []),
    ...(has('projectId') ? [{ projectId: project }] : []),
    ...(has('assignable') ? [{ assignable: true }] : []),
    ...(has('filterId') ? [{ filterId: inserted.ids['Filter']?.[0] }] : []),
    ...orders,
    ...filtered,
    ...(orders.length > 0 && filtered.length > 0 ? [{ ...filtered.at(-1), ...orders.at(-1) }] : []),
  ];
}

const needs = ({ field }: List): boolean => field.args.some(({ type }) => isNonNullType(type));
/** Default arguments. A matrix of all permissions would exceed the cost of one page. */
const plainly = (list: List): object =>
  needs(list) || SAME_ITEMS.includes(list.name)
    ? (variantsOf(list).find((args) => Object.keys(args).length > 0) ?? {})
    : {};

/** Reads one page and advances the clock, because a list must not depend on the time. */
function page({ field, around, node }: List, args: object, fields = ''): Promise<ApiResponse> {
  api.advance(7);
  const types = Object.fromEntries(field.args.map(({ name, type }) => [name, type]));
  const given = Object.keys(args);
  const declared = given.map((name) => `$${name}: ${types[name]}`).join(', ');
  const passed = given.map((name) => `${name}: $${name}`).join(', ');
  const id = idOf(node);
  const selection = `${fields.replace('nodes', `nodes { ${id} }`)} edges { cursor node { ${id} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
  const list = `${field.name}${passed && `(${passed})`} { ${selection} }`;
  return owner.query(`query ${declared && `(${declared})`} { ${around.replace('$', () => list)} }`, { ...args });
}

const idOf = (node: string | undefined): string => (node ? `${node} { id }` : 'id');

async function read(list: List, args: object, fields?: string): Promise<Json> {
  const { data, errors } = await page(list, args, fields);
  if (errors) throw new Error(JSON.stringify(errors));
  const { edges, nodes, ...rest } = (data.parent ?? data)[list.field.name];
  const known = (each: Json): string => (list.node ? each[list.node].id : each.id);
  return {
    ...rest,
    nodes: nodes?.map(known),
    ids: edges.map(({ node }: Json) => known(node)),
    cursors: edges.map(({ cursor }: Json) => cursor),
  };
}

const codes = ({ errors }: ApiResponse): string[] => errors?.map(({ extensions }) => extensions.code) ?? [];

test.each(connections.map((list) => [list.name, list] as const))(
  'these tests cover every argument of %s',
  (_name, list) => {
    const tried = new Set(variantsOf(list).flatMap((args) => Object.keys(args)));
    const others = list.field.args.map(({ name }) => name).filter((name) => !PAGING.includes(name));
    expect([...tried].sort()).toEqual(others.sort());
  },
);

test.each([...filters].filter(([, found]) => found.length > 0))(
  'the filter of %s matches some items and not all',
  (list, found) => {
    for (const { field, count } of found)
      if (matchesOne(list, field)) expect(count, field).toBe(1);
      else expect(count, `let five rows of the registry for ${list} have the same ${field}`).toBeGreaterThanOrEqual(5);
  },
);

/** By default, each list is tested with a sample of variants, invalid sizes, cursors and other lists. */
const few = <T>(all: T[], count: number, name: string): T[] => sample(all, count, name);

describe.each(connections.map((list) => [list.name, list] as const))('%s', (listName, field) => {
  const plain = plainly(field);
  const [first, ...variants] = variantsOf(field);

  describe.each([first, ...few(variants, 2, listName)].map((args) => [args ?? {}]))('with %j', (args) => {
    test('returns the same list on one page, in pages of two forward and backward', async () => {
      const whole = await read(field, { ...plain, ...args, first: 500 }, 'totalCount nodes');
      expect(
        whole.ids.length,
        `insert at least five rows for ${listName} in test/support/resources.ts`,
      ).toBeGreaterThanOrEqual(5);
      expect(new Set(whole.ids).size).toBe(whole.ids.length);
      expect(whole.totalCount).toBe(whole.ids.length);
      expect(whole.nodes).toEqual(whole.ids);
      expect(whole.pageInfo).toEqual({
        hasNextPage: false,
        hasPreviousPage: false,
        startCursor: whole.cursors[0],
        endCursor: whole.cursors.at(-1),
      });

      const forward: string[] = [];
      for (let after: string | undefined, more = true; more; ) {
        const part = await read(field, { ...args, first: 2, ...(after && { after }) });
        forward.push(...part.ids);
        ({ endCursor: after, hasNextPage: more } = part.pageInfo);
        if (more) expect(part.ids).toHaveLength(2);
        if (forward.length > whole.ids.length) break;
      }
      expect(forward).toEqual(whole.ids);

      const backward: string[] = [];
      for (let before: string | undefined, more = true; more; ) {
        const part = await read(field, { ...args, last: 2, ...(before && { before }) });
        backward.unshift(...part.ids);
        ({ startCursor: before, hasPreviousPage: more } = part.pageInfo);
        if (more) expect(part.ids).toHaveLength(2);
        if (backward.length > whole.ids.length) break;
      }
      expect(backward).toEqual(whole.ids);
    });

    test('can be limited by after and before together, without an effect on totalCount', async () => {
      const { ids, cursors, totalCount } = await read(field, { ...plain, ...args, first: 500 }, 'totalCount');
      const window = { ...args, after: cursors[0], before: cursors[4] };
      expect((await read(field, window)).ids).toEqual(ids.slice(1, 4));
      const start = await read(field, { ...window, first: 2 }, 'totalCount');
      expect([start.ids, start.pageInfo.hasNextPage, start.totalCount]).toEqual([ids.slice(1, 3), true, totalCount]);
      const end = await read(field, { ...window, last: 2 });
      expect([end.ids, end.pageInfo.hasPreviousPage]).toEqual([ids.slice(2, 4), true]);
      expect((await read(field, { ...args, after: cursors[2], before: cursors[2] })).ids).toEqual([]);
      expect((await read(field, { ...args, after: cursors[3], before: cursors[1] })).ids).toEqual([]);
      expect((await read(field, { ...args, after: cursors.at(-1) })).ids).toEqual([]);
      expect((await read(field, { ...args, before: cursors[0] })).ids).toEqual([]);
    });

    test('rejects a cursor of the same list with another filter or order', async () => {
      const { cursors } = await read(field, { ...args, first: 1 });
      if (SAME_ITEMS.includes(field.name)) return;
      const { ids } = await read(field, { ...args, first: 500 });
      const different = variantsOf(field).filter((other) => JSON.stringify(other) !== JSON.stringify(args));
      for (const other of few(different, 2, JSON.stringify(args))) {
        const hasSameFilter =
          JSON.stringify(Reflect.get(other, 'filter')) === JSON.stringify(Reflect.get(args, 'filter'));
        if (hasSameFilter && sameItems(ids, (await read(field, { ...other, first: 500 })).ids)) continue;
        expect(codes(await page(field, { ...other, after: cursors[0] })), JSON.stringify(other)).toEqual([
          'BAD_REQUEST',
        ]);
      }
    });
  });

  if (filters.get(listName)?.length)
    test('returns with a filter exactly the items with the value', async () => {
      const whole = (await read(field, { first: 500 })).ids;
      for (const { field: by, value, count, isOmitted } of filters.get(listName) ?? []) {
        const { ids } = await read(field, { filter: { [by]: value }, first: 500 });
        expect(isOmitted ? [] : ids, by).toEqual(whole.filter((id: string) => ids.includes(id)));
        expect(ids, by).toHaveLength(count);
      }
    });

  test.each(['first', 'last'])('returns totalCount and no items with %s: 0', async (size) => {
    const { totalCount, ids, pageInfo } = await read(field, { ...plain, [size]: 0 }, 'totalCount');
    const [more, other] = size === 'first' ? ['hasNextPage', 'hasPreviousPage'] : ['hasPreviousPage', 'hasNextPage'];
    expect(ids).toEqual([]);
    expect(totalCount).toBeGreaterThanOrEqual(5);
    expect(pageInfo).toEqual({
      [more as string]: true,
      [other as string]: expect.any(Boolean),
      startCursor: null,
      endCursor: null,
    });
  });

  const sizes: object[] = [
    { first: -1 },
    { last: -1 },
    { first: 501 },
    { last: 501 },
    { first: 2_147_483_647 },
    { first: -2_147_483_648 },
    { first: 2_147_483_648 },
    { first: 1e300 },
    { first: 0.5 },
    { first: 2, last: 2 },
    { first: 0, last: 0 },
  ];
  test.each(few(sizes, 2, listName))('rejects %j', async (args) => {
    expect(codes(await page(field, { ...plain, ...args }))).toEqual(['BAD_REQUEST']);
  });

  test('rejects a cursor of another connection', async () => {
    for (const other of few(connections, 2, listName)) {
      if (other.name === field.name) continue;
      const { ids, cursors } = await read(other, { ...plainly(other), first: 500 });
      // A list of the organization is the same list under its parent, such as the checks of the rubric.
      if (sameItems(ids, (await read(field, { ...plain, first: 500 })).ids)) continue;
      expect(codes(await page(field, { ...plain, before: cursors[0] })), other.name).toEqual(['BAD_REQUEST']);
    }
  });

  test('rejects a forged cursor without an internal error', async () => {
    const { cursors } = await read(field, { ...plain, first: 1 });
    const [key, ...values] = JSON.parse(Buffer.from(cursors[0], 'base64url').toString());
    const forge = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const odd = [null, [], {}, true, 'x', 'x\u0000', '\ud800', -1, 0.5, 1e300, "' or true --", '__proto__'];
    const forged = [
      '',
      'not a cursor',
      '🦊',
      cursors[0].slice(1),
      `${cursors[0]}\u0000`.slice(5),
      Buffer.from('{"__proto__":1}').toString('base64url'),
      Buffer.from('[').toString('base64url'),
      forge(),
      forge(key),
      forge(key, ...values, 1),
      forge('', ...values),
      ...odd.map((value) => forge(value, ...values)),
      // The last key is an ID or an index. Other values are rejected without an internal error.
      ...odd.filter((value) => value !== -1).map((value) => forge(key, ...values.slice(0, -1), value)),
    ];
    for (const cursor of few(forged, 6, listName))
      for (const side of ['after', 'before'])
        expect(codes(await page(field, { ...plain, [side]: cursor })), `${side}: ${cursor}`).toEqual(['BAD_REQUEST']);
    expect(api.logged).toEqual([]);
  });
});

/** An order with the same result is the default order, so its cursors are valid. */
const sameItems = (some: string[], others: string[]): boolean => JSON.stringify(some) === JSON.stringify(others);

const list = (name: string): List => connections.find((each) => each.name === `Query.${name}`) as List;

test('a cursor of a list of another organization is rejected', async () => {
  const globex = await createOrganization(api, 'globex');
  const theirs = await insertRows(api, globex, 1);
  for (const each of connections.filter(({ name }) => name.startsWith('Query.'))) {
    const { name } = each.field;
    const inProject = each.field.args.some((arg) => arg.name === 'projectId' && isNonNullType(arg.type));
    const args = inProject ? `(projectId: "${theirs.parent('Project')}")` : '';
    const asked = name === 'whoCan' ? 'whoCan(permission: "check:read")' : `${name}${args}`;
    const cursor = (await queryData(globex.owner, `{ ${asked} { edges { cursor } } }`))[name].edges[0].cursor;
    expect(codes(await page(each, { ...plainly(each), after: cursor })), name).toEqual(['BAD_REQUEST']);
  }
});

test('the deletion of an item between two pages neither repeats nor skips another item', async () => {
  const field = list('checks');
  const { ids } = await read(field, { first: 500 });
  const { pageInfo } = await read(field, { first: 3 });
  await mutate(owner, 'deleteCheck', { check: { id: ids[2] } });
  expect((await read(field, { first: 500, after: pageInfo.endCursor })).ids).toEqual(ids.slice(3));
});
