import { type GraphQLInputField, getNamedType, isInputObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { RESOURCES } from '../../src/graphql/resource.ts';
import { decodeId, type IdPrefix } from '../../src/lib/ids.ts';
import { organizationUuid, unknownId, uuidOf } from '../enforcement/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { capitalized, queries, type RootField, referencedBy } from '../support/introspect.ts';
import { addMember, createApiToken, mutate, queryData, setRole } from '../support/world.ts';
import { type Asked, askBothWays, startTwoWays } from './two-ways.ts';
import { HOSTILE } from './vocabulary.ts';
import { createWorld } from './world.ts';

const ways = await startTwoWays();
const { api } = ways;
const world = await createWorld(api);
const { acme, globex, own, hidden, people } = world;
const { owner } = acme;

const ask = (by: Caller, query: string, variables?: Record<string, Json>): Promise<Asked> =>
  askBothWays(ways, by, query, variables);

/** Expects that the planner answered, so that the test shows something about it. */
async function askPlanned(by: Caller, query: string, variables?: Record<string, Json>): Promise<Asked> {
  const answer = await ask(by, query, variables);
  expect([query, answer.errors, answer.isPlanned]).toEqual([query, undefined, true]);
  return answer;
}

const typeNames = RESOURCES.map(({ name }) => name);
const fieldsOf = (wanted: (type: string) => boolean): RootField[] =>
  queries.filter(({ type }) => wanted(getNamedType(type).name));
const getters = fieldsOf((type) => typeNames.includes(type));
const lists = fieldsOf((type) => typeNames.some((name) => type === `${name}Connection`));

describe('IDs of another organization', () => {
  const prefixOf = (type: string): IdPrefix => RESOURCES.find(({ name }) => name === type)?.prefix ?? 'chk';

  const listOf = (typename: string): string =>
    queries.find((each) => getNamedType(each.type).name === `${typename}Connection`)?.name as string;

  async function foreignIds(list: string): Promise<string[]> {
    const data = await queryData(globex.owner, `{ list: ${list}(first: 3) { nodes { id } } }`);
    return data.list.nodes.map(({ id }: Json) => id);
  }

  test('find nothing by a getter, by node and by nodes', async () => {
    for (const { name, type } of getters) {
      const typename = getNamedType(type).name;
      const [id] = await foreignIds(listOf(typename));
      expect(id, typename).toBeDefined();
      const query = `query ($id: ID!) { one: ${name}(id: $id) { id } node(id: $id) { id ... on ${typename} { viewerPermissions } } nodes(ids: [$id]) { id } }`;
      const nothing = { one: null, node: null, nodes: [null] };
      expect((await ask(owner, query, { id })).data).toEqual(nothing);
      expect((await ask(owner, query, { id: unknownId(prefixOf(typename)) })).data).toEqual(nothing);
      expect((await ask(globex.owner, query, { id })).data.one).toEqual({ id });
    }
  });

  /** Fields of a filter that take an ID, or an object with an ID. */
  const identifies = ({ type, name }: GraphQLInputField): boolean => {
    const named = getNamedType(type);
    return isInputObjectType(named) ? named.isOneOf : name.endsWith('Id');
  };

  test('find nothing in filters', async () => {
    const objects: Record<string, string> = { ownerId: 'Member', managerId: 'Member', owner: 'Team', parent: 'Team' };
    const foreignIdOf = async ({ type, name }: GraphQLInputField): Promise<string> => {
      const typename = objects[name] ?? referencedBy(type) ?? capitalized(name.replace(/Id$/, ''));
      const [id] = await foreignIds(listOf(typename));
      if (!id) throw new Error(`globex has no object for ${name}`);
      return id;
    };
    let filters = 0;
    for (const list of lists) {
      const filter = getNamedType(list.args.find(({ name }) => name === 'filter')?.type);
      const fields = isInputObjectType(filter) ? Object.values(filter.getFields()).filter(identifies) : [];
      for (const field of fields) {
        const id = await foreignIdOf(field);
        const value = isInputObjectType(getNamedType(field.type)) ? { id } : id;
        const query = `query ($filter: ${filter?.name}) { ${list.name}(filter: $filter) { totalCount nodes { id } } }`;
        const { data } = await askPlanned(owner, query, { filter: { [field.name]: value } });
        expect(data).toEqual({ [list.name]: { totalCount: 0, nodes: [] } });
        filters += 1;
      }
    }
    expect(filters).toBeGreaterThanOrEqual(12);
  });

  test('and its cursors show no rows of it', async () => {
    const page = await queryData(globex.owner, '{ checks(first: 1) { edges { cursor } } }');
    const query = 'query ($after: String) { checks(after: $after) { totalCount nodes { id } } }';
    const answer = await ask(owner, query, { after: page.checks.edges[0].cursor });
    expect(answer.data.checks).toBeNull();
    expect(answer.errors?.[0].extensions.code).toBe('BAD_REQUEST');
  });
});

describe('a hidden project', () => {
  const { noAccess, robot } = world.callers as Record<string, Caller>;
  const DATASETS =
    'query ($filter: DatasetFilter, $n: Int = 500) { datasets(filter: $filter, first: $n) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id name project { id } } } } }';

  const datasetsOf = async (by: Caller, variables?: Record<string, Json>): Promise<Json> =>
    (await askPlanned(by, DATASETS, variables)).data.datasets;

  test('has no rows in lists, in counts, in pages and in filters', async () => {
    const all = await datasetsOf(owner);
    const visible = all.edges.filter(({ node }: Json) => node.project.id !== hidden);
    expect(visible.length).toBeLessThan(all.edges.length);
    for (const by of [noAccess, robot] as Caller[]) {
      const seen = await datasetsOf(by);
      expect(seen).toMatchObject({ totalCount: visible.length, edges: visible });
      expect((await datasetsOf(by, { n: visible.length })).pageInfo.hasNextPage).toBe(false);
      expect(await datasetsOf(by, { filter: { projectId: hidden } })).toMatchObject({ totalCount: 0, edges: [] });
    }
  });

  test('has no objects for node, nodes and getters, and cursors of its rows are positions only', async () => {
    const { edges } = await datasetsOf(owner);
    const [secret] = edges.filter(({ node }: Json) => node.project.id === hidden);
    const query =
      'query ($id: ID!, $ids: [ID!]!, $project: ID!, $after: String) { dataset(id: $id) { id } node(id: $id) { __typename } nodes(ids: $ids) { id } project: node(id: $project) { ... on Project { datasets { totalCount } } } datasets(after: $after, first: 500) { nodes { name project { id } } } }';
    const { data } = await ask(noAccess as Caller, query, {
      ...{ id: secret.node.id, ids: [secret.node.id], project: hidden, after: secret.cursor },
    });
    expect(data).toMatchObject({ dataset: null, node: null, nodes: [null], project: null });
    expect(data.datasets.nodes.length).toBeGreaterThan(0);
    expect(JSON.stringify(data)).not.toContain(hidden);
  });
});

describe('a credential that changes between two equal requests', () => {
  const QUERY = '{ checks(first: 3) { totalCount nodes { id name owner { id } category { name } } } }';
  let number = 0;
  const admin = () => {
    number += 1;
    return addMember(api, acme, 'admin', `changing${number}`);
  };

  const expectRefused = async (by: Caller, expected: object): Promise<void> => {
    const { body, status, errors } = await ask(by, QUERY);
    expect({ status, code: errors?.[0].extensions.code }).toEqual(expected);
    expect(body).not.toContain('"nodes"');
  };

  const forbidden = { status: 200, code: 'FORBIDDEN' };
  const refused = { status: 401, code: 'UNAUTHENTICATED' };

  test('is refused after a demotion', async () => {
    const person = await admin();
    await askPlanned(person, QUERY);
    await setRole(api.root, person.email, 'guest');
    await expectRefused(person, forbidden);
  });

  test('is refused after the role has expired', async () => {
    const person = await admin();
    await askPlanned(person, QUERY);
    await api.root`
      update assignments set expires_at = '2000-01-01', fallback_built_in_role_id = '00000000-0000-8000-8000-000000000006'
      where principal_id = ${uuidOf('mem', person.memberId)}`;
    await expectRefused(person, forbidden);
  });

  test('is refused after the removal of the member', async () => {
    const person = await admin();
    await askPlanned(person, QUERY);
    await mutate(owner, 'deleteMember', { id: person.memberId });
    const { errors, body } = await ask(person, QUERY);
    expect(errors).toHaveLength(1);
    expect(body).not.toContain('"nodes"');
  });

  test('is refused after the token was revoked', async () => {
    const token = await createApiToken(api, people.admin, 'READ');
    await askPlanned(token, QUERY);
    await mutate(people.admin, 'deleteApiToken', { id: token.id });
    await expectRefused(token, refused);
  });

  test('sees the rows of a project no more after access was removed', async () => {
    const person = await addMember(api, acme, 'read', 'losing');
    const query = '{ datasets(first: 500) { totalCount nodes { id } } }';
    const before = (await askPlanned(person, query)).data.datasets;
    const input = { projectId: own.project, principalId: person.memberId, noAccess: true };
    await mutate(owner, 'createProjectMember', input);
    const after = (await askPlanned(person, query)).data.datasets;
    expect(after.totalCount).toBeLessThan(before.totalCount);
    expect(after.nodes).toHaveLength(after.totalCount);
  });
});

describe('texts that would change a statement or a response', () => {
  const QUERY = `query ($search: String, $alias: String, $id: ID!) {
    __proto__: checks(filter: { search: $search }) { constructor: totalCount then: nodes { toJSON: name __proto__: id } }
    check(alias: $alias) { id } node(id: $id) { id } }`;

  test.each(HOSTILE)('%j finds what contains it, and nothing else', async (text) => {
    const { data, errors, body } = await ask(owner, QUERY, { search: text, alias: text, id: text });
    // `__proto__` is a key of the response and must not change its prototype.
    const page = Object.entries(data).find(([key]) => key === '__proto__')?.[1] as Json;
    expect(Object.keys(JSON.parse(body).data)).toEqual(['__proto__', 'check', 'node']);
    if (text.length > 100) expect(errors?.[0].extensions.code).toBe('BAD_REQUEST');
    else for (const { toJSON: name } of page.then) expect(name.toLowerCase()).toContain(text.trim().toLowerCase());
    expect(data).toMatchObject({ check: null, node: null });
  });

  test('a cursor with them is refused or a position, and the tables stay', async () => {
    const { checks } = await queryData(owner, '{ checks(first: 1) { edges { cursor } } }');
    const [key] = JSON.parse(Buffer.from(checks.edges[0].cursor, 'base64url').toString());
    const uuid = decodeId(own.check)?.uuid;
    const cursors = HOSTILE.flatMap((text) => [
      [key, text, uuid],
      [key, 'a', text],
      [text, 'a', uuid],
    ]);
    const query = 'query ($after: String) { checks(after: $after, first: 2) { totalCount nodes { name } } }';
    const { totalCount } = (await askPlanned(owner, query)).data.checks;
    for (const parts of cursors) {
      const after = Buffer.from(JSON.stringify(parts)).toString('base64url');
      const { data, errors } = await ask(owner, query, { after });
      if (errors) expect(errors[0].extensions.code).toBe('BAD_REQUEST');
      else expect(data.checks.totalCount).toBe(totalCount);
    }
    expect(organizationUuid(acme)).not.toBe(organizationUuid(globex));
  });
});

test('a READ token gets planned answers in a read-only transaction', async () => {
  const token = await createApiToken(api, people.owner, 'READ');
  const { data } = await askPlanned(token, '{ checks(first: 2) { nodes { id } } tiers { nodes { name } } }');
  expect(data.checks.nodes).toHaveLength(2);
});
