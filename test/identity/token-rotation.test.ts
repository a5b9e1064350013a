import { expect, test } from 'vitest';
import { hashSecret } from '../../src/lib/secret.ts';
import { createAndGetId, unknownId } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { addMember, createOrganization, membersOfEachRole, mutate, roleId, setRole } from '../support/world.ts';
import { DAY, inside, look, MINUTE, REFUSED } from './support.ts';
import { createToken, INVALID, listed, rotateToken, tryCreate, tryRotate } from './tokens.ts';

const HOUR = 60 * MINUTE;
const api = await startApi();
const node = await startApi({ database: api });
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { owner, admin, user, read } = await membersOfEachRole(api, acme);

const in_ = (milliseconds: number): string => new Date(Date.now() + milliseconds).toISOString();
const seen = (caller: Caller): Promise<Json> => look(caller);
const ANSWERED = inside(admin.email, 'acme');
const secretsOf = async (...secrets: string[]): Promise<number> =>
  (await api.root`select from organization_secrets where hash = any(${secrets.map(hashSecret)})`).length;

test('the previous secret ends at once by default, and everything else stays', async () => {
  const limits = {
    permissions: ['organization:*', 'api_token:*'],
    addresses: ['127.0.0.0/8', '::1'],
    expiresAt: in_(DAY),
  };
  const old = await createToken(api, admin, { name: 'Deploy', ...limits });
  expect(await seen(node.as(old.secret))).toEqual(ANSWERED);
  const rotated = await rotateToken(api, admin, old.id);
  expect(rotated.secret).toMatch(/^ambit_pat_[0-9a-f]{72}$/);
  expect(rotated.row).toEqual({ ...old.row, hint: `ambit_pat_…${rotated.secret.slice(-4)}` });
  for (const at of [api, node]) {
    expect(await seen(at.as(old.secret))).toEqual(REFUSED);
    expect(await seen(at.as(rotated.secret))).toEqual(ANSWERED);
  }
  expect(await secretsOf(old.secret, rotated.secret)).toBe(1);
  const events = await owner.query('{ auditEvents(first: 1) { nodes { action targetId before after } } }');
  const text = JSON.stringify(events.data);
  expect(events.data.auditEvents.nodes[0]).toMatchObject({ action: 'rotateApiToken', targetId: old.id });
  for (const secret of [old.secret, rotated.secret]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(hashSecret(secret));
  }
});

test('both secrets work during the grace, and the previous one is refused afterwards, on every node', async () => {
  const [here, late] = [await startApi({ database: api }), await startApi({ database: api })];
  const old = await createToken(api, admin);
  const rotated = await rotateToken(api, admin, old.id, { graceSeconds: 7 * 24 * 3600 });
  const { hint, expiresAt } = rotated.row.previousSecret;
  expect(hint).toBe(old.row.hint);
  expect((await old.query('{ viewer { credential { id expiresAt } } }')).data.viewer.credential).toEqual({
    id: old.id,
    expiresAt,
  });
  for (const secret of [old.secret, rotated.secret]) expect(await seen(here.as(secret))).toEqual(ANSWERED);
  for (const at of [here, late]) {
    at.advance(7 * DAY - HOUR);
    expect(await seen(at.as(old.secret))).toEqual(ANSWERED);
    at.advance(HOUR);
    expect(await seen(at.as(old.secret))).toEqual(REFUSED);
    expect(await seen(at.as(rotated.secret))).toEqual(ANSWERED);
  }
  const later = await late.as(rotated.secret).query(`{ apiToken(id: "${old.id}") { previousSecret { hint } } }`);
  expect(later.data.apiToken.previousSecret).toBeNull();
});

test('a third secret within the grace is a conflict, and possible afterwards', async () => {
  const later = await startApi({ database: api });
  later.advance(HOUR);
  const first = await createToken(api, admin);
  const second = await rotateToken(api, admin, first.id, { graceSeconds: 3600 });
  for (const by of [admin, second])
    expect(await tryRotate(by, first.id, { graceSeconds: 0 })).toEqual({ refused: 'CONFLICT' });
  for (const one of [first, second]) expect(await seen(one)).toEqual(ANSWERED);
  const third = await rotateToken(later, later.as(second.secret), first.id, { graceSeconds: 60 });
  expect(await seen(later.as(first.secret))).toEqual(REFUSED);
  for (const secret of [second.secret, third.secret]) expect(await seen(later.as(secret))).toEqual(ANSWERED);
  expect(await secretsOf(first.secret, second.secret, third.secret)).toBe(2);
});

test.each([0, 3600])('of two rotations at once with a grace of %i s, one is a conflict', async (graceSeconds) => {
  const token = await createToken(api, admin);
  const answers = await Promise.all(
    [api, node, api, node].map((at) => tryRotate(at.as(admin.token), token.id, { graceSeconds })),
  );
  const secrets = answers.filter(({ secret }) => secret).map(({ secret }) => secret);
  const conflicts = answers.filter(({ refused }) => refused === 'CONFLICT');
  expect(secrets.length + conflicts.length).toBe(4);
  // Without a grace, a rotation that begins after another one has ended is allowed.
  if (graceSeconds > 0) expect(secrets).toHaveLength(1);
  const working = await Promise.all(secrets.map((secret) => seen(api.as(secret))));
  expect(working.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(await secretsOf(token.secret, ...secrets)).toBe(graceSeconds > 0 ? 2 : 1);
});

test('50 rotations in one document give one secret that works with a grace, and 49 conflicts', async () => {
  const token = await createToken(api, admin);
  const fields = Array.from(
    { length: 50 },
    (_, at) => `a${at}: rotateApiToken(input: { id: "${token.id}", graceSeconds: 60 }) { secret }`,
  );
  const { data, errors } = await admin.query(`mutation { ${fields.join(' ')} }`);
  expect(Object.values(data).filter(Boolean)).toHaveLength(1);
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(Array.from({ length: 49 }, () => 'CONFLICT'));
});

test('a revocation ends both secrets, whichever of them asks for it', async () => {
  for (const by of ['session', 'old', 'new']) {
    const old = await createToken(api, admin);
    const rotated = await rotateToken(api, admin, old.id, { graceSeconds: 3600 });
    for (const at of [api, node]) for (const one of [old, rotated]) await seen(at.as(one.secret));
    const caller = { session: admin, old, new: rotated }[by] as Caller;
    expect(await mutate(caller, 'deleteApiToken', { id: old.id }, 'deletedId')).toMatchObject({ deletedId: old.id });
    for (const at of [api, node])
      for (const one of [old, rotated]) expect(await seen(at.as(one.secret))).toEqual(REFUSED);
    expect(await secretsOf(old.secret, rotated.secret)).toBe(0);
  }
});

test('rotateApiToken refuses wrong input', async () => {
  const token = await createToken(api, admin);
  for (const graceSeconds of [-1, 7 * 24 * 3600 + 1])
    expect(await tryRotate(admin, token.id, { graceSeconds })).toMatchObject({
      secret: null,
      errors: [INVALID('graceSeconds')],
    });
  expect(await tryRotate(admin, token.id, { expiresAt: in_(-HOUR) })).toMatchObject({ errors: [INVALID('expiresAt')] });
  for (const id of [unknownId('tok'), acme.id, 'made up'])
    expect(await tryRotate(admin, id)).toEqual({ refused: 'NOT_FOUND' });
  expect(await seen(token)).toEqual(ANSWERED);
});

test('only the member of a token rotates it', async () => {
  const token = await createToken(api, user, { access: 'READ' });
  expect(await tryRotate(globex.owner, token.id)).toEqual({ refused: 'NOT_FOUND' });
  expect(await tryRotate(read, token.id)).toEqual({ refused: 'NOT_FOUND' });
  // They can see and revoke the token, but must not get a secret of another member.
  for (const other of [owner, admin]) expect(await tryRotate(other, token.id)).toEqual({ refused: 'NOT_OWN' });
  expect(await tryRotate(api.as(), token.id)).toEqual({ refused: 'UNAUTHENTICATED' });
  expect(await tryRotate(token, token.id)).toEqual({ refused: 'READ_ONLY_TOKEN' });
  expect((await tryRotate(user, token.id)).errors).toEqual([]);
});

test('the token of a service account is rotated by itself and by who could create it', async () => {
  const account = (name: string, role: 'write' | 'owner') =>
    createAndGetId(owner, 'createServiceAccount', { name, roleId: roleId(role) }, 'serviceAccount');
  const [robot, boss] = [await account('robot', 'write'), await account('boss', 'owner')];
  const token = await createToken(api, owner, { serviceAccountId: robot });
  const again = await rotateToken(api, admin, token.id);
  const itself = await rotateToken(api, again, token.id);
  expect(await seen(again)).toEqual(REFUSED);
  expect(await mutate(itself, 'createCategory', { name: 'By robot' })).toEqual({ refused: 'NO_GRANT' });
  for (const [by, refused] of [
    [user, 'NOT_FOUND'],
    [read, 'NOT_FOUND'],
  ] as const)
    expect(await tryRotate(by, token.id)).toEqual({ refused });
  const ofBoss = await createToken(api, owner, { serviceAccountId: boss });
  expect(await tryRotate(admin, ofBoss.id)).toEqual({ refused: 'NOT_HELD' });
  const limited = await createToken(api, owner, { permissions: ['*'] });
  expect(await tryRotate(limited, ofBoss.id)).toEqual({ refused: 'NOT_HELD' });
});

test('a narrowed token cannot get the secret of a token with wider limits', async () => {
  const robot = await createAndGetId(
    owner,
    'createServiceAccount',
    { name: 'limited', roleId: roleId('admin') },
    'serviceAccount',
  );
  const wide = await createToken(api, owner, { serviceAccountId: robot });
  const narrow = await createToken(api, owner, {
    serviceAccountId: robot,
    permissions: ['api_token:*', 'service_account:*', 'category:read'],
    addresses: ['127.0.0.0/8', '::1'],
  });
  for (const by of [narrow, await createToken(api, narrow)])
    expect(await tryRotate(by, wide.id)).toEqual({ refused: 'NOT_HELD' });
  expect((await tryRotate(narrow, narrow.id)).errors).toEqual([]);
  expect(await seen(wide)).toMatchObject({ status: 200 });
});

test('a token rotates itself and what was created with it, but no other token of its member', async () => {
  const [one, other] = [await createToken(api, admin), await createToken(api, admin)];
  expect(await tryRotate(one, other.id)).toEqual({ refused: 'SESSION_REQUIRED' });
  const child = await createToken(api, one);
  expect(await tryRotate(child, one.id)).toEqual({ refused: 'SESSION_REQUIRED' });
  const renewed = await rotateToken(api, one, child.id);
  expect(renewed.row.createdWith).toEqual({ id: one.id });
  const rotated = await rotateToken(api, one, one.id);
  expect(await seen(one)).toEqual(REFUSED);
  for (const caller of [renewed, rotated]) expect(await seen(caller)).toEqual(ANSWERED);
  await mutate(admin, 'deleteApiToken', { id: one.id });
  for (const caller of [renewed, rotated]) expect(await seen(caller)).toEqual(REFUSED);
  expect(await seen(other)).toEqual(ANSWERED);
});

test('a token cannot make itself or another token last longer than itself by a rotation', async () => {
  const end = in_(DAY);
  const token = await createToken(api, admin, { expiresAt: end });
  const child = await createToken(api, token, { expiresAt: in_(HOUR) });
  for (const [id, expiresAt] of [
    [token.id, null],
    [token.id, in_(DAY + HOUR)],
    [child.id, in_(DAY + HOUR)],
    [child.id, null],
  ])
    expect(await tryRotate(token, id as string, { expiresAt })).toMatchObject({
      secret: null,
      errors: [INVALID('expiresAt')],
    });
  // With a session, the member can extend the token. What was created with it can be extended until the new end.
  expect(await tryRotate(admin, child.id, { expiresAt: null })).toMatchObject({ errors: [INVALID('expiresAt')] });
  expect((await rotateToken(api, admin, child.id, { expiresAt: end })).row.expiresAt).toBe(end);
  const unlimited = await rotateToken(api, admin, token.id, { expiresAt: null });
  expect(unlimited.row.expiresAt).toBeNull();
  // What was created with it ends no later than the new end.
  const soon = in_(MINUTE);
  await rotateToken(api, admin, token.id, { expiresAt: soon });
  expect((await listed(admin))[child.id].expiresAt).toBe(soon);
});

test('a secret in its grace gives nothing that lasts longer than the grace', async () => {
  const old = await createToken(api, admin);
  const child = await createToken(api, old);
  await rotateToken(api, admin, old.id, { graceSeconds: 3600 });
  for (const input of [{}, { expiresAt: in_(2 * HOUR) }])
    expect(await tryCreate(old, input)).toMatchObject({ errors: [INVALID('expiresAt')] });
  expect(await tryRotate(old, child.id)).toMatchObject({ errors: [INVALID('expiresAt')] });
  expect((await tryCreate(old, { expiresAt: in_(MINUTE) })).errors).toEqual([]);
});

test('who can create no tokens any more can rotate theirs, and not let them last longer', async () => {
  const holder = await addMember(api, acme, 'user', 'demoted');
  const token = await createToken(api, holder, { access: 'READ', expiresAt: in_(DAY) });
  await setRole(api.root, holder.email, 'read');
  expect((await tryRotate(holder, token.id)).errors).toEqual([]);
  expect((await tryRotate(holder, token.id, { expiresAt: in_(HOUR) })).errors).toEqual([]);
  for (const expiresAt of [null, in_(DAY)])
    expect(await tryRotate(holder, token.id, { expiresAt })).toEqual({ refused: 'NO_GRANT' });
});
