import { expect, test } from 'vitest';
import { createServiceAccount, startWorld } from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { addMember, createApiToken, executeMutation, mutate, queryData, roleId, setRole } from '../support/world.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;

const ACCESS = '{ viewer { credential { access } permissions } apiTokens { nodes { access } } }';
const shown = async (token: Caller): Promise<Json> => {
  const { viewer, apiTokens } = await queryData(token, ACCESS);
  return { now: viewer.credential.access, given: apiTokens.nodes[0].access, permissions: viewer.permissions };
};
const CREATE = 'mutation ($key: String!) { createProject(input: { key: $key, name: "New" }) { errors { code } } }';
let last = 0;
const creates = (token: Caller) => token.query(CREATE, { key: `new-${++last}` });
const refusalOf = async (token: Caller): Promise<Json> => (await creates(token)).errors?.[0].extensions;

test('a WRITE token counts as READ while its member does not hold api_token:grant_write', async () => {
  const holder = await addMember(api, acme, 'admin', 'holder');
  const token = await createApiToken(api, holder, 'WRITE');
  expect((await creates(token)).errors).toBeUndefined();
  expect(await shown(token)).toMatchObject({ now: 'WRITE', given: 'WRITE' });

  await setRole(api.root, holder.email, 'write');
  expect((await creates(holder)).errors).toBeUndefined();
  const refused = { code: 'FORBIDDEN', permission: 'project:create', reason: 'READ_ONLY_TOKEN' };
  expect(await refusalOf(token)).toMatchObject({
    ...refused,
    hint: expect.stringContaining('while its member does not hold api_token:grant_write'),
  });
  const reduced = await shown(token);
  expect(reduced).toMatchObject({ now: 'READ', given: 'WRITE' });
  const held = (await queryData(holder, '{ viewer { permissions } }')).viewer.permissions;
  expect(reduced.permissions).toEqual(held.filter((name: string) => /:read(_content)?$/.test(name)));
  expect(held).toContain('project:create');
  // Also what belongs to the member.
  expect(await mutate(token, 'leaveOrganization', {})).toEqual({ refused: 'READ_ONLY_TOKEN' });

  await setRole(api.root, holder.email, 'admin');
  expect((await creates(token)).errors).toBeUndefined();
});

test('it counts as READ from the moment on at which the role expires', async () => {
  const holder = await addMember(api, acme, 'admin', 'expiring');
  const token = await createApiToken(api, holder, 'WRITE');
  const expiry = { roleExpiresAt: new Date(Date.now() + 3_600_000), fallbackRoleId: roleId('write') };
  await executeMutation(
    owner,
    'mutation ($input: UpdateMemberInput!) { updateMember(input: $input) { errors { code } } }',
    { input: { id: holder.memberId, roleId: roleId('admin'), ...expiry } },
  );
  expect((await creates(token)).errors).toBeUndefined();
  await api.root`update assignments set expires_at = now() where expires_at is not null`;
  expect((await refusalOf(token)).reason).toBe('READ_ONLY_TOKEN');
  expect((await creates(holder)).errors).toBeUndefined();
});

test('a WRITE token of a service account with role Write writes, because an Admin gave it', async () => {
  const robot = await createServiceAccount(owner, 'robot', roleId('write'));
  const { secret } = await executeMutation(
    people.admin,
    'mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret errors { code } } }',
    { input: { name: 'robot', access: 'WRITE', serviceAccountId: robot } },
  );
  const token = api.as(secret);
  expect((await creates(token)).errors).toBeUndefined();
  expect((await shown(token)).now).toBe('WRITE');
});
