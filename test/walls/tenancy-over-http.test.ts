import { type GraphQLInputType, type GraphQLInterfaceType, getNamedType, isInputObjectType } from 'graphql';
import { expect, test } from 'vitest';
import type { IdPrefix } from '../../src/ids.ts';
import { buildSchema } from '../../src/schema.ts';
import { type Answer, type Caller, type Json, startApi } from '../support/api.ts';
import { found, join, type Organization, PASSWORD, tokenOf } from '../support/world.ts';
import { dump, furnish, operationOf, organizationUuid, rootFields, unknownId, uuidOf } from './support.ts';

/** Two organizations, through the front door: what belongs to the other one is answered like what does not exist. */
const schema = buildSchema();
const api = await startApi({ schema });
const [acme, globex] = [await found(api, 'acme'), await found(api, 'globex')];

const REST = '{ viewer { credential { id } } auditEvents(first: 1) { nodes { id } } }';

/** An id of each type that has one. Roles are code, the same in every organization, so nobody's. */
async function idsOf(organization: Organization): Promise<Record<string, string>> {
  const { owner } = organization;
  const { check, category, level, rubric, token } = await furnish(api, organization);
  const { data } = await owner.query(REST);
  return {
    Organization: organization.id,
    User: owner.userId,
    Member: owner.memberId,
    Session: data.viewer.credential.id,
    ApiToken: token.id,
    AuditEvent: data.auditEvents.nodes[0].id,
    Rubric: rubric,
    Category: category,
    Level: level,
    Check: check,
  };
}
const [ours, theirs] = [await idsOf(acme), await idsOf(globex)];
const their = Object.entries(theirs);
const callers: [string, Caller][] = [
  ['the Owner', acme.owner],
  ['a Read member', await join(api, acme, 'read')],
  ['a WRITE token', await tokenOf(api, acme.owner, 'WRITE')],
];

/** The whole answer, with the id that was asked about made unrecognizable. */
const told = ({ data, errors, status }: Answer, id: string): Json =>
  JSON.parse(JSON.stringify({ data, errors, status }).replaceAll(id, '<id>'));

/** Asks about their id, and about one that is not there: both must be told the same. Returns what they are told. */
async function expectAlike(caller: Caller, ask: (id: string) => [string, Json], id: string): Promise<Json> {
  const unknown = unknownId(id.split('_')[0] as IdPrefix);
  const [theirAnswer, noAnswer] = [await caller.query(...ask(id)), await caller.query(...ask(unknown))];
  expect(told(theirAnswer, id), JSON.stringify(ask(id))).toEqual(told(noAnswer, unknown));
  return told(theirAnswer, id);
}

/** Every place in the arguments where an id goes: `checks.filter.categoryId`. */
function idPlaces(name: string, type: GraphQLInputType): string[] {
  const named = getNamedType(type);
  if (isInputObjectType(named))
    return Object.values(named.getFields()).flatMap((field) => idPlaces(`${name}.${field.name}`, field.type));
  return named.name === 'ID' ? [name] : [];
}
const places = (kind: 'Query' | 'Mutation'): string[] =>
  rootFields(schema, kind)
    .flatMap((field) => field.args.flatMap((arg) => idPlaces(`${field.name}.${arg.name}`, arg.type)))
    .sort();

test('there is an id of each type to try, in both organizations', () => {
  const types = schema.getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType).map((type) => type.name);
  expect([...Object.keys(ours), 'Role'].sort()).toEqual([...types].sort());
  for (const [type, id] of their) expect(id).not.toBe(ours[type]);
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

test('another organization’s ids in a filter find as little as ids that are not there', async () => {
  expect(places('Query')).toEqual([
    'auditEvents.filter.actorId',
    'auditEvents.filter.targetId',
    'checks.filter.categoryId',
    'checks.filter.levelId',
    'node.id',
    'nodes.ids',
  ]);
  for (const place of places('Query').filter((each) => each.includes('.filter.'))) {
    const [list, , field] = place.split('.') as [string, string, string];
    const input = list === 'checks' ? 'CheckFilter' : 'AuditEventFilter';
    const document = `query ($filter: ${input}) { ${list}(filter: $filter) { totalCount nodes { id } } }`;
    for (const [, id] of their)
      expect(await expectAlike(acme.owner, (asked) => [document, { filter: { [field]: asked } }], id)).toEqual({
        data: { [list]: { totalCount: 0, nodes: [] } },
        status: 200,
      });
  }
  const mine = 'query ($id: ID!) { checks(filter: { categoryId: $id }) { totalCount } }';
  expect((await acme.owner.query(mine, { id: ours['Category'] })).data).toEqual({ checks: { totalCount: 1 } });
});

const lists = rootFields(schema, 'Query').filter((field) => field.args.some((arg) => arg.name === 'after'));

// Pages of roles are the same for everybody.
test.each(lists.map((field) => field.name).filter((name) => name !== 'roles'))(
  'a cursor of another organization’s %s names no place here',
  async (list) => {
    const { data } = await globex.owner.query(`{ ${list}(first: 1) { edges { cursor } } }`);
    const cursor = data[list].edges[0].cursor as string;
    const [, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify(['A1b2C3d4', ...values])).toString('base64url');
    for (const place of ['after', 'before']) {
      const document = `query ($cursor: String!) { ${list}(${place}: $cursor) { nodes { id } } }`;
      const answer = told(await acme.owner.query(document, { cursor }), cursor);
      expect(answer).toEqual(told(await acme.owner.query(document, { cursor: forged }), forged));
      expect(answer).toMatchObject({ data: { [list]: null }, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      const own = (await acme.owner.query(`{ ${list}(first: 1) { edges { cursor } } }`)).data[list].edges[0].cursor;
      expect((await acme.owner.query(document, { cursor: own })).errors).toBeUndefined();
    }
  },
);

/** For each id in an input, what else the input takes to be right. */
const REST_OF_INPUT: Record<string, Json> = {
  'createCheck.input.categoryId': { name: 'Moved', levelId: ours['Level'] },
  'createCheck.input.levelId': { name: 'Moved', categoryId: ours['Category'] },
  'createCheck.input.ownerId': { name: 'Moved', categoryId: ours['Category'], levelId: ours['Level'] },
  'deleteApiToken.input.id': {},
  'deleteCategory.input.id': {},
  'deleteCheck.input.id': {},
  'deleteLevel.input.id': {},
  'deleteMember.input.id': {},
  'deleteOrganization.input.id': { slug: 'globex' },
  'signOut.input.sessionId': {},
  'signOutMember.input.id': {},
  'switchOrganization.input.organizationId': {},
  'updateCategory.input.id': { name: 'Taken over' },
  'updateCheck.input.categoryId': { id: ours['Check'] },
  'updateCheck.input.id': { name: 'Taken over', categoryId: ours['Category'], levelId: ours['Level'] },
  'updateCheck.input.levelId': { id: ours['Check'] },
  'updateCheck.input.ownerId': { id: ours['Check'] },
  'updateLevel.input.id': { name: 'Taken over', index: 0 },
  'updateMember.input.id': { roleId: 'rol_0000000000g008000000000001' },
  'updateMember.input.roleId': { id: ours['Member'] },
  'updateOrganization.input.id': { name: 'Taken over' },
};

test('there is an input for every id that a mutation takes', () => {
  expect(Object.keys(REST_OF_INPUT).sort()).toEqual(places('Mutation'));
});

const written = () => dump(api, ['audit_events']);
const theirLog = () =>
  api.root`select * from audit_events where organization_id = ${organizationUuid(globex)} order by id`;

test.each(Object.keys(REST_OF_INPUT))(
  'another organization’s ids as %s are answered like unknown ones, and change nothing',
  async (place) => {
    const [name, , field] = place.split('.') as [string, string, string];
    const mutation = rootFields(schema, 'Mutation').find((each) => each.name === name) as never;
    const before = [await written(), await theirLog()];
    for (const [who, caller] of callers)
      for (const [type, id] of their) {
        const ask = (asked: string) =>
          operationOf('Mutation', mutation, { input: { ...REST_OF_INPUT[place], [field]: asked } });
        const { data, errors } = await expectAlike(caller, ask, id);
        const complaints = [...(errors ?? []), ...(data[name]?.errors ?? [])];
        expect(complaints, `${who} with ${type}`).toHaveLength(1);
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
  const counts = lists.map((field) => `${field.name} { totalCount }`).join(' ');
  const before = await acme.owner.query(`{ ${counts} }`);
  await join(api, globex, 'write');
  await tokenOf(api, globex.owner, 'READ');
  await api.root`
    insert into categories (organization_id, id, name)
    values (${organizationUuid(globex)}, ${uuidOf('cat', unknownId('cat'))}, 'Another')`;
  expect((await acme.owner.query(`{ ${counts} }`)).data).toEqual(before.data);
});
