import type { GraphQLInterfaceType } from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema } from '../../src/schema.ts';
import { allow, createProject, createRole, createServiceAccount } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { found, join, type Organization, PASSWORD, roleId, tokenOf } from '../support/world.ts';
import { expectAlike, inputsOf, mutationAt, placesOf, QUESTIONS, told } from './places.ts';
import { dump, type Furniture, furnish, organizationUuid, rootFields, unknownId, uuidOf } from './support.ts';

/** Two organizations, through the front door: what belongs to the other one is answered like what does not exist. */
const schema = buildSchema();
const api = await startApi({ schema });
const [acme, globex] = [await found(api, 'acme'), await found(api, 'globex')];
const furniture = await furnish(api, acme);

const REST = '{ viewer { credential { id } } auditEvents(first: 1) { nodes { id } } }';

/** An id of each type that has one. Built-in roles are code, the same in every organization, so nobody's. */
async function idsOf({ id, owner }: Organization, own: Furniture): Promise<Record<string, string>> {
  const { data } = await owner.query(REST);
  return {
    Organization: id,
    User: owner.userId,
    Member: owner.memberId,
    ServiceAccount: own.serviceAccount,
    Project: own.project,
    ProjectMember: own.projectMember,
    Policy: own.policy,
    Role: own.role,
    Invitation: own.invitation,
    Session: data.viewer.credential.id,
    ApiToken: own.token.id,
    AuditEvent: data.auditEvents.nodes[0].id,
    Rubric: own.rubric,
    Category: own.category,
    Level: own.level,
    Check: own.check,
  };
}
const ours = await idsOf(acme, furniture);
const theirFurniture = await furnish(api, globex);
const theirs = await idsOf(globex, theirFurniture);
/** One of each type, and what is of a project of theirs. */
const their: [type: string, id: string][] = [
  ...Object.entries(theirs),
  ['Policy of a project', theirFurniture.projectPolicy],
  ['Role of a project', theirFurniture.projectRole],
];
const callers: [string, Caller][] = [
  ['the Owner', acme.owner],
  ['a Read member', await join(api, acme, 'read')],
  ['a WRITE token', await tokenOf(api, acme.owner, 'WRITE')],
];

test('there is an id of each type to try, in both organizations', () => {
  const types = schema.getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType).map((type) => type.name);
  expect(Object.keys(ours).sort()).toEqual([...types].sort());
  for (const [type, id] of Object.entries(theirs)) expect(id).not.toBe(ours[type]);
});

test.each(Object.keys(theirs))(
  'node and nodes tell nothing of another organization’s %s, not even its type',
  async (type) => {
    const id = theirs[type] as string;
    const one = 'query ($id: ID!) { node(id: $id) { __typename id } }';
    const many = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }';
    for (const [, caller] of callers) {
      expect(await expectAlike(caller, (asked) => [one, { id: asked }], id)).toEqual({
        data: { node: null },
        status: 200,
      });
      const mixed = await expectAlike(caller, (asked) => [many, { ids: [ours['Check'], asked] }], id);
      expect(mixed).toEqual({ data: { nodes: [{ __typename: 'Check' }, null] }, status: 200 });
    }
    const own = await acme.owner.query(one, { id: ours[type] });
    expect(own.data).toEqual({ node: { __typename: type, id: ours[type] } });
  },
);

test('there is a question for every id that a query takes', () => {
  expect(Object.keys(QUESTIONS).sort()).toEqual(placesOf('Query'));
});

test.each(Object.entries(QUESTIONS))(
  'another organization’s ids as %s are answered like unknown ones',
  async (place, ask) => {
    for (const [, caller] of callers)
      for (const [type, id] of their) {
        const answer = await expectAlike(caller, ask, id);
        expect(JSON.stringify(answer), type).not.toMatch(/INTERNAL|globex|"allowed":true/);
      }
    if (place.includes('.filter.'))
      for (const [, id] of their)
        expect(await expectAlike(acme.owner, ask, id)).toEqual({
          data: { [place.split('.')[0] as string]: { totalCount: 0, nodes: [] } },
          status: 200,
        });
  },
);

test.each([
  ['access.principalId', 'Member', { access: { allowed: true } }],
  ['access.principalId', 'ServiceAccount', { access: { allowed: true } }],
  ['access.targetId', 'Project', { access: { allowed: true } }],
  ['accessMatrix.targetId', 'Organization', { accessMatrix: { totalCount: 3 } }],
  ['authorize.requests.principalId', 'User', { authorize: [{ allowed: true, reason: null }] }],
  ['authorize.requests.targetId', 'Project', { authorize: [{ allowed: true, reason: null }] }],
  ['checks.filter.categoryId', 'Category', { checks: { totalCount: 1, nodes: [{ id: ours['Check'] }] } }],
  ['checks.filter.levelId', 'Level', { checks: { totalCount: 1, nodes: [{ id: ours['Check'] }] } }],
  ['permissionsOf.principalId', 'ServiceAccount', { permissionsOf: ['dataset:read'] }],
  ['permissionsOf.targetId', 'Project', { permissionsOf: expect.arrayContaining(['dataset:read']) }],
  ['policies.projectId', 'Project', { policies: { totalCount: 1, nodes: [{ id: furniture.projectPolicy }] } }],
  ['project.id', 'Project', { project: { id: ours['Project'], key: 'first' } }],
  [
    'roles.projectId',
    'Project',
    { roles: { totalCount: 6, nodes: expect.arrayContaining([{ id: furniture.projectRole }]) } },
  ],
  [
    'whoCan.targetId',
    'Project',
    { whoCan: { totalCount: 3, nodes: expect.arrayContaining([{ id: ours['ServiceAccount'] }]) } },
  ],
])('only the organization was wrong: one’s own id as %s of type %s is answered', async (place, type, expected) => {
  const { data, errors } = await acme.owner.query(
    ...(QUESTIONS[place] as (id: string) => [string, Json])(ours[type] as string),
  );
  expect([data, errors]).toEqual([expected, undefined]);
});

const lists = rootFields(schema, 'Query').filter((field) => field.args.some((arg) => arg.name === 'after'));

/** What a list asks for besides, and selects: rows of the matrix have no id. */
const ARGUMENTS: Record<string, string> = {
  accessMatrix: 'permissions: ["dataset:read"], ',
  whoCan: 'permission: "dataset:read", ',
};
const pageOf = (list: string, args: string, selection: string): string =>
  `${list}(${ARGUMENTS[list] ?? ''}${args}) { ${selection} }`;

test.each(lists.map((field) => field.name))(
  'a cursor of another organization’s %s names no place here',
  async (list) => {
    const first = `{ ${pageOf(list, 'first: 1', 'edges { cursor }')} }`;
    const { data } = await globex.owner.query(first);
    const cursor = data[list].edges[0].cursor as string;
    const [, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify(['A1b2C3d4', ...values])).toString('base64url');
    for (const place of ['after', 'before']) {
      const document = `query ($cursor: String!) { ${pageOf(list, `${place}: $cursor`, 'nodes { __typename }')} }`;
      const answer = told(await acme.owner.query(document, { cursor }), cursor);
      expect(answer).toEqual(told(await acme.owner.query(document, { cursor: forged }), forged));
      expect(answer).toMatchObject({ data: { [list]: null }, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      const own = (await acme.owner.query(first)).data[list].edges[0].cursor;
      expect((await acme.owner.query(document, { cursor: own })).errors).toBeUndefined();
    }
  },
);

const INPUTS = inputsOf(furniture, acme);

test('there is an input for every id that a mutation takes', () => {
  expect(Object.keys(INPUTS).sort()).toEqual(placesOf('Mutation'));
});

const written = () => dump(api, ['audit_events']);
const theirLog = () =>
  api.root`select * from audit_events where organization_id = ${organizationUuid(globex)} order by id`;

test.each(Object.entries(INPUTS))(
  'another organization’s ids as %s are answered like unknown ones, and change nothing',
  async (place, input) => {
    const before = [await written(), await theirLog()];
    for (const [who, caller] of callers)
      for (const [type, id] of their) {
        const { data, errors } = await expectAlike(caller, (asked) => mutationAt(place, input(asked)), id);
        const complaints = [...(errors ?? []), ...(data[place.split('.')[0] as string]?.errors ?? [])];
        expect(complaints, `${who} with ${type}`).toHaveLength(1);
        if (who === 'the Owner') expect(complaints[0].extensions?.code ?? complaints[0].code, type).toBe('NOT_FOUND');
        expect(JSON.stringify(complaints), `${who} with ${type}`).not.toMatch(/INTERNAL|globex/);
      }
    expect([await written(), await theirLog()]).toEqual(before);
  },
);

test('signing in to an organization that one does not belong to is answered like to one that does not exist', async () => {
  const document = `mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { code message path } } }`;
  const into = async (organization: string) =>
    told(
      await api.as().query(document, { input: { email: acme.owner.email, password: PASSWORD, organization } }),
      organization,
    );
  expect(await into('globex')).toEqual(await into('no-such-organization'));
  expect(await into('globex')).toMatchObject({ data: { signIn: { session: null, errors: [{ code: 'NOT_FOUND' }] } } });
  expect(await into('acme')).toMatchObject({ data: { signIn: { session: { accessToken: expect.any(String) } } } });
});

test('the other organization is not counted either', async () => {
  const counts = lists.map((field) => pageOf(field.name, 'first: 1', 'totalCount')).join(' ');
  const before = await acme.owner.query(`{ ${counts} }`);
  await join(api, globex, 'write');
  await tokenOf(api, globex.owner, 'READ');
  await api.root`
    insert into categories (organization_id, id, name)
    values (${organizationUuid(globex)}, ${uuidOf('cat', unknownId('cat'))}, 'Another')`;
  await createProject(globex.owner, 'third');
  await createRole(globex.owner, 'Another', [allow('*:read')]);
  await createServiceAccount(globex.owner, 'Another', roleId('read'));
  expect((await acme.owner.query(`{ ${counts} }`)).data).toEqual(before.data);
});
