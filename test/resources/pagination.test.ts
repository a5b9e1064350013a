import { type GraphQLField, getNamedType, isNonNullType, isObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
  projectRoleId,
} from '../decisions/support.ts';
import type { Answer, Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { ask, cast, checkOf, found, mutate, roleId, rubricOf, schemaOf, tokenOf } from '../support/world.ts';

const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);
const { owner } = people;

// At least five of everything, with names that occur twice and checks that differ in what can be filtered.
const rubric = await rubricOf(owner);
for (const name of ['One', 'Two', 'Three']) {
  await mutate(owner, 'createCategory', { name });
  await mutate(owner, 'createLevel', { name });
  await checkOf(owner, rubric, { name, levelId: rubric.levels['Gold'] });
  await checkOf(owner, rubric, { name: 'Same name', enabled: false });
  await checkOf(owner, rubric, { name: 'Same name', levelId: rubric.levels['Gold'] });
  await tokenOf(api, owner, 'READ');
  await tokenOf(api, people.user, 'READ');
}

const project = await createProject(owner, 'project');
const other = await createProject(owner, 'other');
for (const name of ['One', 'Two', 'Three', 'Four', 'Five']) {
  const policy = [allow('dataset:*', 'project:read')];
  await createProject(owner, name);
  await createRole(owner, name, policy);
  await createRole(owner, name, policy, project);
  const robot = await createServiceAccount(owner, name, roleId('user'));
  await giveProjectRole(owner, project, robot, projectRoleId('read'));
  await giveProjectRole(owner, other, robot, null);
  await createPolicy(owner, policy, other);
  await mutate(owner, 'createInvitation', { emails: [`${name}@acme.test`], roleId: roleId('read') });
}
// Mail is in the log, where faults are looked for.
api.logged.length = 0;

interface List {
  /** As `Type.field`. */
  name: string;
  field: GraphQLField<unknown, unknown>;
  /** What stands around the field in a document, with `$` in its place. */
  around: string;
  /** What a node is known by, when not by an id of its own. */
  node?: string;
}

const schema = await schemaOf(owner);
const objects = Object.values(schema.getTypeMap()).filter(isObjectType);
const connectionsOf = objects.flatMap((type) =>
  Object.values(type.getFields())
    .filter((field) => getNamedType(field.type).name.endsWith('Connection'))
    .map((field) => ({ name: `${type.name}.${field.name}`, field })),
);

/** How lists are reached that are not fields of the query. */
const AROUND: Record<string, string> = {
  'Project.members': `place: project(id: "${project}") { $ }`,
  'Role.members': `place: node(id: "${roleId('user')}") { ... on Role { $ } }`,
};
const connections: List[] = connectionsOf.map(({ name, field }) => ({
  name,
  field,
  around: AROUND[name] ?? '$',
  ...(name === 'Query.accessMatrix' && { node: 'principal' }),
}));

/** Arguments beside those of paging. A connection that has some is walked with each of these, too. */
const PAGING = ['first', 'after', 'last', 'before'];
const VARIANTS: Record<string, object[]> = {
  'Query.checks': [
    { orderBy: { field: 'NAME', direction: 'ASC' } },
    { orderBy: { field: 'NAME', direction: 'DESC' } },
    { orderBy: { field: 'CREATED_AT', direction: 'ASC' } },
    { orderBy: { field: 'CREATED_AT', direction: 'DESC' } },
    { filter: { enabled: true } },
    { filter: { levelId: rubric.levels['Gold'] } },
    { filter: { search: 'e' }, orderBy: { field: 'NAME', direction: 'DESC' } },
  ],
  'Query.auditEvents': [{ filter: { action: 'createCheck' } }, { filter: { outcome: 'ALLOWED' } }],
  'Query.roles': [{ projectId: project }, { projectId: other }],
  'Query.policies': [{ projectId: project }, { projectId: other }],
  'Query.whoCan': [
    { permission: 'check:read' },
    { permission: 'service:create' },
    { permission: 'project:read', target: project },
    { permission: 'trace:read', target: project },
    { permission: 'project:read', target: acme.id },
  ],
  'Query.accessMatrix': [
    { permissions: ['check:read'] },
    { permissions: ['dataset:read', 'trace:read'], target: project },
  ],
};

/** Lists whose arguments say what is told of the items, and not which items there are. */
const SAME_ITEMS = ['Query.accessMatrix'];

const needs = ({ field }: List): boolean => field.args.some(({ type }) => isNonNullType(type));
const variantsOf = (list: List): object[] => [...(needs(list) ? [] : [{}]), ...(VARIANTS[list.name] ?? [])];
/** What is said beside the page when nothing else matters. A whole matrix is too much for one page. */
const plainly = (list: List): object =>
  needs(list) || SAME_ITEMS.includes(list.name) ? (VARIANTS[list.name]?.[0] ?? {}) : {};

/** Asks for one page, always with the clock further on: a list may not hang on the moment. */
function page({ field, around, node }: List, args: object, fields = ''): Promise<Answer> {
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
  const { edges, nodes, ...rest } = (data.place ?? data)[list.field.name];
  const known = (each: Json): string => (list.node ? each[list.node].id : each.id);
  return {
    ...rest,
    nodes: nodes?.map(known),
    ids: edges.map(({ node }: Json) => known(node)),
    cursors: edges.map(({ cursor }: Json) => cursor),
  };
}

const codes = ({ errors }: Answer): string[] => errors?.map(({ extensions }) => extensions.code) ?? [];

test('this suite walks every connection there is, and every filter and order', () => {
  expect(connections.length).toBeGreaterThanOrEqual(16);
  expect(connections.filter(({ name }) => !name.startsWith('Query.')).map(({ name }) => name)).toEqual(
    Object.keys(AROUND),
  );
  const withArguments = connections.filter(({ field }) => field.args.some(({ name }) => !PAGING.includes(name)));
  expect(Object.keys(VARIANTS).sort()).toEqual(withArguments.map(({ name }) => name).sort());
  for (const { name, field } of withArguments) {
    const tried = new Set(VARIANTS[name]?.flatMap((args) => Object.keys(args)));
    const others = field.args.map((arg) => arg.name).filter((arg) => !PAGING.includes(arg));
    expect([...tried].sort(), name).toEqual(others.sort());
  }
});

describe.each(connections.map((list) => [list.name, list] as const))('%s', (_name, field) => {
  const plain = plainly(field);

  describe.each(variantsOf(field).map((args) => [args]))('with %j', (args) => {
    test('is the same list on one page, by twos forward, and by twos backward', async () => {
      const whole = await read(field, { ...plain, ...args, first: 500 }, 'totalCount nodes');
      expect(whole.ids.length, 'seed at least five of them above').toBeGreaterThanOrEqual(5);
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

    test('is cut by after and before together, and counts all the same', async () => {
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

    test('takes no cursor of the same list with another filter or order', async () => {
      const { cursors } = await read(field, { ...args, first: 1 });
      if (SAME_ITEMS.includes(field.name)) return;
      const others = variantsOf(field).filter((other) => !sameList(other, args));
      for (const other of others)
        expect(codes(await page(field, { ...other, after: cursors[0] })), JSON.stringify(other)).toEqual([
          'BAD_REQUEST',
        ]);
    });
  });

  test.each(['first', 'last'])('counts and shows nothing on a page of %s: 0', async (size) => {
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

  test.each([
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
  ])('is not listed with %j', async (args) => {
    expect(codes(await page(field, { ...plain, ...args }))).toEqual(['BAD_REQUEST']);
  });

  test('takes no cursor of another connection', async () => {
    for (const other of connections) {
      if (other.name === field.name) continue;
      const { cursors } = await read(other, { ...plainly(other), first: 1 });
      expect(codes(await page(field, { ...plain, before: cursors[0] })), other.name).toEqual(['BAD_REQUEST']);
    }
  });

  test('takes no forged cursor, and is not brought down by one', async () => {
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
      // The last key is an id or an index; what is neither is refused, and never reaches the log as a fault.
      ...odd.filter((value) => value !== -1).map((value) => forge(key, ...values.slice(0, -1), value)),
    ];
    for (const cursor of forged)
      for (const side of ['after', 'before'])
        expect(codes(await page(field, { ...plain, [side]: cursor })), `${side}: ${cursor}`).toEqual(['BAD_REQUEST']);
    expect(api.logged).toEqual([]);
  });
});

/** By name upwards is how checks are ordered unless told. */
function sameList(a: object, b: object): boolean {
  const plain = (args: object): string =>
    JSON.stringify(args) === JSON.stringify(VARIANTS['Query.checks']?.[0]) ? '{}' : JSON.stringify(args);
  return plain(a) === plain(b);
}

const list = (name: string): List => connections.find((each) => each.name === `Query.${name}`) as List;

test('a cursor of another organization’s list is of another list', async () => {
  const globex = await found(api, 'globex');
  await createProject(globex.owner, 'project');
  await createRole(globex.owner, 'One', [allow('dataset:*')]);
  await createServiceAccount(globex.owner, 'One', roleId('user'));
  await tokenOf(api, globex.owner, 'READ');
  await mutate(globex.owner, 'createInvitation', { emails: ['one@globex.test'], roleId: roleId('read') });
  await checkOf(globex.owner, await rubricOf(globex.owner));
  for (const each of connections.filter(({ name }) => name.startsWith('Query.'))) {
    const { name } = each.field;
    const asked = name === 'whoCan' ? 'whoCan(permission: "check:read")' : name;
    const cursor = (await ask(globex.owner, `{ ${asked} { edges { cursor } } }`))[name].edges[0].cursor;
    expect(codes(await page(each, { ...plainly(each), after: cursor })), name).toEqual(['BAD_REQUEST']);
  }
});

test('an item that is deleted between two pages neither repeats nor hides another', async () => {
  const field = list('checks');
  const { ids } = await read(field, {});
  const { pageInfo } = await read(field, { first: 3 });
  await mutate(owner, 'deleteCheck', { check: { id: ids[2] } });
  expect((await read(field, { after: pageInfo.endCursor })).ids).toEqual(ids.slice(3));
});
