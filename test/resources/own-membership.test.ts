import { expect, test } from 'vitest';
import { createRole, giveRole } from '../decisions/support.ts';
import { startApi } from '../support/api.ts';
import { addMember, createApiToken, createOrganization, queryData } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const person = await addMember(api, acme, 'read', 'person');
const other = await addMember(api, acme, 'read', 'other');
const custom = await createRole(acme.owner, 'Rubric only', [{ effect: 'ALLOW', permissions: ['rubric:read'] }]);
await giveRole(acme.owner, person.memberId, custom);

const NODE = 'query ($id: ID!) { node(id: $id) { __typename id } }';
const nodeOf = async (id: string) => (await queryData(person, NODE, { id })).node;

test('without member:read and role:read, a member sees their own membership and role', async () => {
  const { viewer } = await queryData(
    person,
    '{ viewer { member { id name role { name } user { email } } principal { id name role { id name permissions } } role { name } } }',
  );
  expect(viewer).toEqual({
    member: { id: person.memberId, name: 'person', role: { name: 'Rubric only' }, user: { email: person.email } },
    principal: {
      id: person.memberId,
      name: 'person',
      role: { id: custom, name: 'Rubric only', permissions: ['rubric:read'] },
    },
    role: { name: 'Rubric only' },
  });
  expect(await nodeOf(person.memberId)).toEqual({ __typename: 'Member', id: person.memberId });
});

test('without member:read and role:read, other members and custom roles stay hidden', async () => {
  const secret = await createRole(acme.owner, 'Secret', [{ effect: 'ALLOW', permissions: ['rubric:read'] }]);
  expect(await nodeOf(other.memberId)).toBeNull();
  expect(await nodeOf(other.userId)).toBeNull();
  expect(await nodeOf(secret)).toBeNull();
  const { data, errors } = await person.query('{ members { nodes { id } } roles { nodes { id } } }');
  expect(data).toEqual({ members: null, roles: null });
  expect(errors?.map(({ extensions }) => extensions.permission)).toEqual(['member:read', 'role:read']);
});

test('the same holds for an API token of the member', async () => {
  const holder = await addMember(api, acme, 'read', 'holder');
  const role = await createRole(acme.owner, 'Tokens', [{ effect: 'ALLOW', permissions: ['api_token:create'] }]);
  await giveRole(acme.owner, holder.memberId, role);
  const token = await createApiToken(api, holder, 'READ');
  const { viewer } = await queryData(token, '{ viewer { principal { id role { name } } } }');
  expect(viewer.principal).toEqual({ id: holder.memberId, role: { name: 'Tokens' } });
});
