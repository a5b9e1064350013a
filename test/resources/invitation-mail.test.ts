import { Kind, parse, validate } from 'graphql';
import { beforeEach, expect, test } from 'vitest';
import { buildSchema } from '../../src/schema.ts';
import { allow, createProject, createRole, projectRoleId } from '../decisions/support.ts';
import { everythingStored } from '../identity/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { openWorker, sharedWorker, skipRetryDelays } from '../support/jobs.ts';
import { type Received, reply, startSmtp } from '../support/smtp.ts';
import { until } from '../support/until.ts';
import { createOrganization, mutate, queryData, roleId, signUp } from '../support/world.ts';

const smtp = await startSmtp();
const config = { ...smtp.config, invitationUrl: 'https://app.test/join?from=mail' };
const api = await startApi({ config });
const node = await startApi({ config, database: api });
const [worker, other] = await Promise.all([sharedWorker(api), sharedWorker(node)]);
const { owner, id: organizationId } = await createOrganization(api, 'acme');

beforeEach(async () => {
  smtp.received.length = 0;
  smtp.onRecipient = undefined;
  smtp.onMessage = undefined;
  await api.root`delete from pgboss.job_common`;
});

const INVITED = 'invitations { id mailStatus }';

/** Invites these addresses. Returns the invitations. */
async function invite(...emails: string[]): Promise<{ id: string; mailStatus: string }[]> {
  const answer = await mutate(owner, 'createInvitations', { emails, roleId: roleId('read') }, INVITED);
  expect(answer.errors).toEqual([]);
  return answer.invitations;
}

const QUEUED = { mailStatus: 'QUEUED' };
const statusOf = async (id: string): Promise<string | undefined> =>
  (await queryData(owner, 'query ($id: ID!) { invitation(id: $id) { mailStatus } }', { id })).invitation?.mailStatus;
const linkIn = ({ text }: Received): URL => new URL(/https:\/\/app\.test\S+/.exec(text)?.[0] ?? '');
const secretIn = (mail: Received | undefined): string =>
  (mail && linkIn(mail).searchParams.get('invitation')) ?? 'no mail';
const messageIdOf = (mail: Received | undefined): string | undefined =>
  /^Message-ID: (.*)$/m.exec(mail?.headers ?? '')?.[1];
const secrets = async (): Promise<(string | null)[]> =>
  (await api.root`select secret from invitations`).map(({ secret }) => secret);
const offer = async (secret: string): Promise<Json> =>
  (await queryData(api.as(), 'query ($secret: String!) { invitationOffer(secret: $secret) { email } }', { secret }))
    .invitationOffer;
const jobs = async (): Promise<Json[]> => [
  ...(await api.root`
    select state::text, retry_count as retries, data from pgboss.job_common where name = 'send-invitation' order by created_on`),
];
const logged = (message: string): Json[] =>
  [...api.logged, ...node.logged].filter((entry) => entry['message'] === message);

test('an invitation is answered at once, and then sent as text and HTML with its names, its end and one link', async () => {
  const projectId = await createProject(owner, 'apollo');
  const role = await createRole(owner, 'Reader <of> all', [allow('dataset:read')]);
  const input = {
    emails: ['ada@mail.test'],
    roleId: roleId('read'),
    projectRoles: [{ projectId, roleId: projectRoleId('member') }],
  };
  const answer = await mutate(owner, 'createInvitations', input, 'invitations { id mailStatus expiresAt }');
  const [invitation] = answer.invitations;
  expect(invitation).toMatchObject(QUEUED);
  expect(smtp.received).toEqual([]);
  const [job] = await jobs();
  expect(Object.keys(job.data).sort()).toEqual(['invitationId', 'mailId', 'organizationId']);
  expect(await worker.runOnce()).toBe(1);
  expect(await statusOf(invitation.id)).toBe('SENT');
  expect(await secrets()).toEqual([null]);
  const [mail, ...more] = smtp.to('ada@mail.test') as [Received];
  expect(more).toEqual([]);
  expect(mail.headers).toContain('Subject: Invitation to acme');
  const secret = secretIn(mail);
  const shown = [
    '"owner@ acme. test" invites you to the organization "acme".',
    'Role in the organization: "Read"',
    'Role in the project "apollo": "Member"',
    'as ada@mail.test',
    `expires on ${new Date(invitation.expiresAt).toUTCString()}`,
    `https://app.test/join?from=mail&invitation=${secret}`,
  ];
  const html = mail.html.replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  for (const part of shown) for (const text of [mail.text, html]) expect(text).toContain(part);
  expect(await offer(secret)).toEqual({ email: 'ada@mail.test' });
  const accepted = await mutate(
    await signUp(api, 'ada@mail.test'),
    'acceptInvitation',
    { secret },
    'organization { id } session { organization { id } }',
  );
  expect(accepted).toEqual({
    organization: { id: organizationId },
    session: { organization: { id: organizationId } },
    errors: [],
  });

  // A custom role of a project, without an organization role, in a mail that has nothing to escape twice.
  const custom = [{ projectId, roleId: role }];
  expect(
    (await mutate(owner, 'createInvitations', { emails: ['cat@mail.test'], projectRoles: custom })).errors,
  ).toEqual([]);
  await worker.runOnce();
  const [second] = smtp.to('cat@mail.test') as [Received];
  expect(second.text).toContain('Role in the project "apollo": "Reader <of> all"');
  expect(second.html).toContain('Role in the project &quot;apollo&quot;: &quot;Reader &lt;of&gt; all&quot;');
  expect(second.text).not.toContain('Role in the organization');
  const everything = JSON.stringify([api.logged, api.requests, await everythingStored(api)]);
  for (const one of [mail, second]) expect(everything).not.toContain(secretIn(one));
});

test('a secret that is encrypted again while its mail is sent is deleted as well', async () => {
  smtp.onMessage = async () => {
    await api.root`update invitations set secret = 'encrypted again' where secret is not null`;
    return null;
  };
  const [invitation] = await invite('rotated@mail.test');
  await worker.runOnce();
  expect(smtp.to('rotated@mail.test')).toHaveLength(1);
  expect(await statusOf(invitation?.id ?? '')).toBe('SENT');
  expect(await secrets()).not.toContain('encrypted again');
});

test('a mail server that is unavailable for a while delays the mail, and it is sent once with the same secret', async () => {
  smtp.onRecipient = () => reply(451, 'try again');
  const [invitation] = await invite('down@mail.test');
  await worker.runOnce();
  await skipRetryDelays(api);
  await other.runOnce();
  expect(await statusOf(invitation?.id ?? '')).toBe('QUEUED');
  expect(await jobs()).toMatchObject([{ state: 'retry', retries: 1 }]);
  expect(await everythingStored(api)).not.toContain('ambit_inv_');
  smtp.onRecipient = undefined;
  await skipRetryDelays(api);
  await worker.runOnce();
  expect(await statusOf(invitation?.id ?? '')).toBe('SENT');
  expect(smtp.received).toHaveLength(1);
  expect(await offer(secretIn(smtp.received[0]))).toEqual({ email: 'down@mail.test' });
  expect(await worker.runOnce()).toBe(0);
});

test('a mail server that never answers delays no request and no other mail', async () => {
  const { promise: hanging, resolve: release } = Promise.withResolvers<null>();
  smtp.onRecipient = (address) => (address.startsWith('hang') ? hanging : null);
  const stuck = await openWorker(api);
  stuck.start();
  const [slow] = await invite('hang@mail.test');
  const isActive = async (): Promise<boolean> => (await jobs()).some(({ state }) => state === 'active');
  await until(isActive);
  const [quick] = await invite('quick@mail.test');
  await until(async () => (await statusOf(quick?.id ?? '')) === 'SENT');
  expect(await statusOf(slow?.id ?? '')).toBe('QUEUED');
  // A mail in progress locks nothing: the invitation can be deleted.
  expect((await mutate(owner, 'deleteInvitation', { id: slow?.id }, 'deletedId')).deletedId).toBe(slow?.id);
  release(null);
  await stuck.stop(60_000);
  expect(await jobs()).toMatchObject([{ state: 'completed' }, { state: 'completed' }]);
});

test('a refused address is FAILED and listed, is not tried again, and can be sent again', async () => {
  smtp.onRecipient = (address) => (address.startsWith('gone') ? reply(550, `no ${address} here`) : null);
  const [gone, fine] = await invite('gone@mail.test', 'fine@mail.test');
  await worker.runOnce();
  expect(await jobs()).toMatchObject([{ state: 'completed' }, { state: 'completed' }]);
  const list = '{ invitations(filter: { mailStatus: FAILED }) { nodes { id email mailStatus } totalCount } }';
  expect((await queryData(owner, list)).invitations).toEqual({
    nodes: [{ id: gone?.id, email: 'gone@mail.test', mailStatus: 'FAILED' }],
    totalCount: 1,
  });
  expect(await statusOf(fine?.id ?? '')).toBe('SENT');
  const [stored] = await api.root`select secret from invitations where email = 'gone@mail.test'`;
  expect(stored?.['secret']).toBeNull();
  const [entry] = logged('mail refused by the mail server');
  expect(entry).toEqual({ level: 'warn', message: entry.message, invitation: gone?.id, response: 550 });
  smtp.onRecipient = undefined;
  const again = await mutate(owner, 'resendInvitation', { id: gone?.id }, 'invitation { mailStatus }');
  expect(again).toEqual({ invitation: QUEUED, errors: [] });
  await worker.runOnce();
  expect(await statusOf(gone?.id ?? '')).toBe('SENT');
  expect(smtp.to('gone@mail.test')).toHaveLength(1);
});

test('a mail server that is unavailable for too long is a failed job, and the invitation is FAILED', async () => {
  smtp.onRecipient = () => reply(451);
  const [invitation] = await invite('never@mail.test');
  await api.root`update pgboss.job_common set retry_count = retry_limit`;
  await worker.runOnce();
  expect(await statusOf(invitation?.id ?? '')).toBe('FAILED');
  expect(await jobs()).toMatchObject([{ state: 'failed' }]);
  const [failed] = await api.app.dependencies.jobs.failed(1);
  expect(failed).toMatchObject({ name: 'send-invitation' });
  expect(JSON.stringify([failed, logged('job failed')])).not.toMatch(/ambit_inv_[0-9a-f]|never@mail/);
});

test('a job sends nothing for an invitation that was deleted, has expired, or is not valid any more', async () => {
  const role = await createRole(owner, 'Short-lived', [allow('dataset:read')]);
  const [deleted, expired] = await invite('deleted@mail.test', 'expired@mail.test');
  const input = { emails: ['invalid@mail.test'], roleId: role };
  const invalid = (await mutate(owner, 'createInvitations', input, INVITED)).invitations[0];
  await mutate(owner, 'deleteInvitation', { id: deleted?.id });
  await api.root`update invitations set expires_at = now() - interval '1 second' where email = 'expired@mail.test'`;
  expect((await mutate(owner, 'deleteRole', { id: role })).errors).toEqual([]);
  expect(await worker.runOnce()).toBe(3);
  expect(smtp.received).toEqual([]);
  expect(await Promise.all([deleted, expired, invalid].map((one) => statusOf(one?.id ?? '')))).toEqual([
    undefined,
    'FAILED',
    'FAILED',
  ]);
  expect(new Set((await jobs()).map(({ state }) => state))).toEqual(new Set(['completed']));
});

test('an invitation that is sent again before its mail was sent results in one mail, with the valid link', async () => {
  const [invitation] = await invite('twice@mail.test');
  expect((await mutate(owner, 'resendInvitation', { id: invitation?.id })).errors).toEqual([]);
  expect(await worker.runOnce()).toBe(2);
  const [mail, ...more] = smtp.received;
  expect(more).toEqual([]);
  expect(await offer(secretIn(mail))).toEqual({ email: 'twice@mail.test' });
});

test('a mail that is in progress when the invitation is sent again has the old link, which is not valid', async () => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const { promise: resent, resolve: release } = Promise.withResolvers<null>();
  smtp.onMessage = () => {
    arrive();
    return resent;
  };
  const [invitation] = await invite('late@mail.test');
  const first = worker.runOnce();
  await arrived;
  expect((await mutate(owner, 'resendInvitation', { id: invitation?.id })).errors).toEqual([]);
  release(null);
  await first;
  expect(await statusOf(invitation?.id ?? '')).toBe('QUEUED');
  smtp.onMessage = undefined;
  await other.runOnce();
  expect(await statusOf(invitation?.id ?? '')).toBe('SENT');
  const [old, valid, ...more] = smtp.received;
  expect([await offer(secretIn(old)), await offer(secretIn(valid)), more]).toEqual([
    null,
    { email: 'late@mail.test' },
    [],
  ]);
  expect(messageIdOf(old)).not.toBe(messageIdOf(valid));
});

test('two nodes send each mail once', async () => {
  const emails = Array.from({ length: 20 }, (_, at) => `shared${at}@mail.test`);
  await invite(...emails);
  const drain = async (own: typeof worker): Promise<void> => {
    while ((await own.runOnce()) > 0);
  };
  await Promise.all([drain(worker), drain(other)]);
  expect(smtp.received.flatMap(({ to }) => to).sort()).toEqual(emails.sort());
  expect(new Set(await secrets())).toEqual(new Set([null]));
});

test('a crash after the mail server has accepted the mail results in the same mail with the same Message-ID', async () => {
  const [invitation] = await invite('crash@mail.test');
  smtp.onMessage = async () => {
    await api.root`alter table invitations add constraint no_result check (mail_status <> 'SENT') not valid`;
    return null;
  };
  await worker.runOnce();
  expect(await statusOf(invitation?.id ?? '')).toBe('QUEUED');
  smtp.onMessage = undefined;
  await api.root`alter table invitations drop constraint no_result`;
  await skipRetryDelays(api);
  await other.runOnce();
  expect(await statusOf(invitation?.id ?? '')).toBe('SENT');
  const [first, second, ...more] = smtp.received;
  expect([more, messageIdOf(second), secretIn(second)]).toEqual([[], messageIdOf(first), secretIn(first)]);
  expect(messageIdOf(first)).toMatch(/^<[0-9a-f-]{36}@ambit\.test>$/);
});

test('no mail is sent for a refused invitation and in a dry run', async () => {
  const emails = ['new@mail.test', owner.email];
  expect(await mutate(owner, 'createInvitations', { emails, roleId: roleId('read') }, INVITED)).toEqual({
    invitations: null,
    errors: [{ code: 'TAKEN', path: ['emails', '1'] }],
  });
  const dryRun = { emails: ['new@mail.test'], roleId: roleId('read'), dryRun: true };
  expect(await mutate(owner, 'createInvitations', dryRun, INVITED)).toEqual({ invitations: null, errors: [] });
  expect(await jobs()).toEqual([]);
});

test('names with URLs and addresses become no links, neither in the subject nor in the content', async () => {
  const { owner: boss, id } = await createOrganization(api, 'globex');
  for (const name of ['Acme\r\nBcc: eve@mail.test', 'Acme\u2028x', 'Acme\u0000'])
    expect((await mutate(boss, 'updateOrganization', { id, name })).errors).toEqual([
      { code: 'INVALID', path: ['name'] },
    ]);
  await mutate(boss, 'updateOrganization', { id, name: 'Alert: https://evil.test/now www.evil.test' });
  await api.root`update people set name = ${'Boss boss@evil.test ｅｖｉｌ．test'} where email = ${boss.email}`;
  const projectId = await createProject(boss, 'apollo');
  await mutate(boss, 'updateProject', { id: projectId, name: 'evil。test' });
  const projectRoles = [{ projectId, roleId: projectRoleId('member') }];
  await mutate(boss, 'createInvitations', { emails: ['rob@mail.test'], projectRoles });
  await worker.runOnce();
  const [mail] = smtp.to('rob@mail.test') as [Received];
  const subject = /^Subject: (.*)$/m.exec(mail.headers)?.[1];
  expect(subject).toBe('Invitation to Alert: https: / / evil. test/ now www. evil. test');
  const [names = '', roles] = mail.text.replaceAll('\r\n', '\n').split('\n\n');
  expect(names).toContain('"Boss boss@ evil. test evil. test" invites you to the organization "Alert: https');
  expect(roles).toBe('Role in the project "evil. test": "Member"');
  const shown = mail.html.replaceAll(/href="[^"]*"/g, '').replace('rob@mail.test', '');
  for (const content of [`${names} ${roles}`, shown])
    expect(content).not.toMatch(/https?:\/\/|www\.\S|\S@\S|evil\.test/);
});

test('without INVITATION_URL, the link opens the mutations for a person with and without an account', async () => {
  const plain = await startApi({ database: api });
  const invited = { emails: ['eve@mail.test'], roleId: roleId('read') };
  const answer = await mutate(plain.as(owner.token), 'createInvitations', invited, INVITED);
  // Without a mail server, the mail is logged at once, and no secret is stored.
  expect(answer.invitations).toMatchObject([{ mailStatus: 'SENT' }]);
  expect(await jobs()).toEqual([]);
  const sent: Json = plain.logged.findLast((entry) => entry['mail'])?.['mail'];
  const link = new URL(/http:\S+/.exec(sent.text)?.[0] ?? '');
  const document = link.searchParams.get('query') ?? '';
  const { definitions } = parse(document);
  expect(definitions.map((one) => (one.kind === Kind.OPERATION_DEFINITION ? one.name?.value : one.kind))).toEqual([
    'SignUp',
    'SignIn',
    'Accept',
  ]);
  expect(validate(buildSchema(), parse(document)).map(({ message }) => message)).toEqual([]);
  expect(document).toContain(`secret: "${link.searchParams.get('invitation')}"`);
  expect(document).toContain('email: "eve@mail.test"');
});
