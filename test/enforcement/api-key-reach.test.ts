import { expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { projectRoleId } from '../decisions/support.ts';
import { allRows, LOG_AND_COUNTERS } from '../support/all-rows.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { createFixtures, validCase } from '../support/fixtures.ts';
import { mutations, nodeOfList, nodeTypes, queries, schema, typesInProjects } from '../support/introspect.ts';
import type { Input } from '../support/resource.ts';
import { selectAll } from '../support/selection.ts';
import { createApiKey, createOrganization, queryData, roleId } from '../support/world.ts';
import {
  byTitle,
  expectSameRefusal,
  expectSameResponse,
  idsInMutations,
  idsInQueries,
  inputsOf,
  queryAt,
  sampleIds,
  typeNamed,
} from './id-inputs.ts';
import { operationOf, PUBLIC_FIELDS } from './support.ts';

/** A key with every permission that a key can have reaches its project, and nothing else of the organization. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const [inside, outside] = [createFixtures(api, acme, 'a'), createFixtures(api, acme, 'b')];
const project = await inside.one('Project');
const permissions = [...PERMISSIONS.values()].filter(({ level }) => level === 'project').map(({ name }) => name);
const newKey = (by: Caller, at = project) => createApiKey(api, by, { projectId: at, permissions });
const key = await newKey(acme.owner);

/** One object of each type that is not in the project, and objects of another project. */
const others: { type: string; id: string }[] = [];
for (const type of nodeTypes) others.push({ type, id: await outside.one(type) });
for (const type of typesInProjects)
  others.push({ type, id: await outside.make(type, { projectId: await outside.one('Project') }) });

test.each(byTitle(idsInQueries))('%s: an object outside the project does not exist', async (title, inputPath) => {
  for (const { type, id } of sampleIds(others, typeNamed(inputPath), title)) {
    const answer = await expectSameResponse(key, queryAt(inputPath), id);
    expect(JSON.stringify(answer), type).not.toMatch(/INTERNAL|acme|"allowed":true/);
  }
});

const inputs = inputsOf(inside);

test.each(byTitle(idsInMutations))(
  '%s: an object outside the project does not exist, and nothing changes',
  async (title, inputPath) => {
    const tried = sampleIds(others, await inputs.typeAt(inputPath), title);
    const before = await allRows(api, LOG_AND_COUNTERS);
    for (const { type, id } of tried) {
      const { data, errors } = await expectSameRefusal(api, key, await inputs.askAt(inputPath, id), id);
      const complaints = [...(errors ?? []), ...(data[inputPath.mutation]?.errors ?? [])];
      expect(complaints, type).toHaveLength(1);
      expect(['NOT_FOUND', 'FORBIDDEN'], type).toContain(complaints[0].extensions?.code ?? complaints[0].code);
    }
    expect(await allRows(api, LOG_AND_COUNTERS)).toEqual(before);
  },
);

test('nested lists: a filter by an object outside the project matches nothing', async () => {
  const document = `query ($id: ID!, $by: ID!) { project(id: $id) { apiKeys(filter: { createdBy: $by }) { totalCount } } }`;
  for (const { type, id } of others)
    expect(await queryData(key, document, { id: project, by: id }), type).toEqual({
      project: { apiKeys: { totalCount: 0 } },
    });
  const mine = { id: project, by: acme.owner.memberId };
  expect((await queryData(key, document, mine)).project.apiKeys.totalCount).toBeGreaterThan(0);
});

test('node and nodes return no object outside the project', async () => {
  const document = 'query ($id: ID!, $ids: [ID!]!) { node(id: $id) { __typename } nodes(ids: $ids) { __typename } }';
  for (const { type, id } of others)
    expect(await queryData(key, document, { id, ids: [id, project] }), type).toEqual({
      node: null,
      nodes: [null, { __typename: 'Project' }],
    });
});

async function datasetsInside(): Promise<string[]> {
  const document = 'query ($id: ID!) { datasets(filter: { projectId: $id }, first: 500) { nodes { id } } }';
  const { datasets } = await queryData(acme.owner, document, { id: project });
  return datasets.nodes.map(({ id }: Json) => id);
}

/** The lists that a key can use. Edit by hand only. */
const LISTS: Record<string, () => Promise<string[]>> = {
  apiTokens: async () => [],
  datasets: datasetsInside,
  projects: async () => [project],
  sessions: async () => [],
};

/** Required arguments of lists. */
const ASKED = { permission: 'dataset:read', permissions: ['dataset:read'] };

test('a list has objects of the project only, or is refused', async () => {
  await inside.one('Dataset');
  for (const field of queries.filter((one) => nodeOfList(one))) {
    const [document, variables] = operationOf('Query', field, ASKED);
    const listed = await LISTS[field.name]?.();
    const ids = listed ? 'totalCount nodes { id }' : 'totalCount';
    const { data, errors } = await key.query(document.replace('__typename', ids), variables);
    if (listed)
      expect(data[field.name], field.name).toEqual({ totalCount: listed.length, nodes: listed.map((id) => ({ id })) });
    else
      expect([data[field.name], errors?.[0].extensions], field.name).toMatchObject([
        null,
        { code: 'FORBIDDEN', reason: 'NO_GRANT' },
      ]);
  }
});

const everythingOf = (type: string): string => selectAll(schema, schema.getType(type) as never, 2);
/** People who have access to the project are listed there, also by their role in the organization. */
const isPerson = ({ type }: { type: string }): boolean => ['Member', 'ServiceAccount'].includes(type);

test('from the viewer and from the project, nothing outside the project can be reached', async () => {
  const ofViewer = await key.query(`{ viewer { ${everythingOf('Viewer')} } }`);
  const ofProject = await key.query(`query ($id: ID!) { project(id: $id) { ${everythingOf('Project')} } }`, {
    id: project,
  });
  for (const { data, errors } of [ofViewer, ofProject]) {
    expect((errors ?? []).filter(({ extensions }: Json) => extensions.code !== 'FORBIDDEN')).toEqual([]);
    for (const other of others.filter((one) => !isPerson(one)))
      expect(JSON.stringify(data), other.type).not.toContain(other.id);
  }
  expect(ofProject.data.project.apiKeys.totalCount).toBeGreaterThan(0);
  expect(ofViewer.data.viewer).toMatchObject({
    ...{ user: null, member: null, principal: null, organization: null, role: null, memberships: [], permissions: [] },
    apiKey: { id: key.id, access: 'WRITE' },
  });
});

const invited = () => ({
  projectRoles: [{ projectId: project, roleId: projectRoleId('read') }],
});

/** Inputs about the project itself, for mutations whose registered input is about something else. */
const PARTICULAR: Record<string, () => Promise<Input>> = {
  createInvitations: async () => ({ emails: [`${inside.unique('new')}@elsewhere.test`], ...invited() }),
  createProjectMember: async () => ({
    ...{ projectId: project, principalId: await inside.make('Member') },
    roleId: projectRoleId('read'),
  }),
  updateProjectMember: async () => ({ id: await inside.make('ProjectMember'), noAccess: true }),
  deleteInvitation: async () => ({ id: await inside.make('Invitation', { ...invited(), roleId: roleId('guest') }) }),
  resendInvitation: async () => ({ id: await inside.make('Invitation', { ...invited(), roleId: roleId('guest') }) }),
  rotateApiKey: async () => ({ id: (await newKey(key)).id }),
  updateProject: async () => ({ id: project, name: 'Renamed' }),
};

/**
 * The mutations that a key can use, or the reason of the refusal. Edit by hand only. All others are forbidden, or need an
 * object that a key cannot see, as members and roles are.
 */
const MUTATIONS: Record<string, string> = {
  createApiKey: 'ok',
  createDataset: 'ok',
  createInvitations: 'PRINCIPAL_REQUIRED',
  deleteApiKey: 'ok',
  deleteDataset: 'ok',
  deleteInvitation: 'ok',
  deleteProjectMember: 'ok',
  resendInvitation: 'PRINCIPAL_REQUIRED',
  rotateApiKey: 'ok',
  updateApiKey: 'ok',
  updateDataset: 'ok',
  updateProject: 'ok',
  updateProjectMember: 'NOT_HELD',
};

const guarded = mutations.filter(({ name }) => !PUBLIC_FIELDS.includes(`Mutation.${name}`));

async function outcomeOf(by: Caller, name: string, input: Input): Promise<string> {
  const field = guarded.find((one) => one.name === name) as (typeof guarded)[number];
  const { data, errors } = await by.query(...operationOf('Mutation', field, { input }));
  if (errors) return errors[0].extensions.reason ?? errors[0].extensions.code;
  return data[name].errors[0]?.code ?? 'ok';
}

test.each(guarded.map(({ name }) => name))('%s with a key has the expected outcome', async (name) => {
  const input = (await PARTICULAR[name]?.()) ?? (await validCase(inside, name)).input;
  const outcome = await outcomeOf(key, name, input);
  if (MUTATIONS[name]) expect(outcome).toBe(MUTATIONS[name]);
  else expect(['NO_GRANT', 'NOT_FOUND', 'SESSION_REQUIRED']).toContain(outcome);
});

test('a key that deletes its project ends with it', async () => {
  const name = inside.unique('gone');
  const gone = await inside.make('Project', { key: name });
  const own = await newKey(acme.owner, gone);
  expect(await outcomeOf(own, 'deleteProject', { id: gone, key: name })).toBe('ok');
  expect((await own.query('{ viewer { apiKey { id } } }')).status).toBe(401);
});
