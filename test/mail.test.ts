import type { AddressInfo } from 'node:net';
import { Kind, parse, validate } from 'graphql';
import { SMTPServer } from 'smtp-server';
import { afterAll, expect, test } from 'vitest';
import { createMailer, sendAll } from '../src/lib/mail.ts';
import { buildSchema } from '../src/schema.ts';
import { createProject, projectRoleId } from './decisions/support.ts';
import { type Json, startApi } from './support/api.ts';
import { createOrganization, mutate, queryData, roleId, signUp } from './support/world.ts';

interface Received {
  to: string[];
  headers: string;
  body: string;
}

const received: Received[] = [];
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  logger: false,
  onRcptTo: ({ address }, _session, done) =>
    done(address.startsWith('refused') ? new Error('no such mailbox') : undefined),
  async onData(stream, session, done) {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const [headers = '', ...body] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    // Quoted-printable breaks long lines.
    const text = body.join('\r\n\r\n').replaceAll('=\r\n', '').replaceAll('=3D', '=');
    received.push({ to: session.envelope.rcptTo.map(({ address }) => address), headers, body: text });
    done();
  },
});
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
const { port } = server.server.address() as AddressInfo;
afterAll(() => new Promise<void>((done) => server.close(done)));

const SMTP = { smtpUrl: `smtp://127.0.0.1:${port}`, mailFrom: 'Ambit <ambit@ambit.test>' };
const nothing = (): void => undefined;
const INVITED = 'invitations { id } mailSent';

test('an invitation is sent with a link to the page of the instance, and its secret is valid', async () => {
  const api = await startApi({ config: { ...SMTP, invitationUrl: 'https://app.test/join?from=mail' } });
  const { owner } = await createOrganization(api, 'acme');
  const answer = await mutate(
    owner,
    'createInvitations',
    { emails: ['ada@mail.test'], roleId: roleId('read') },
    INVITED,
  );
  expect(answer).toMatchObject({ mailSent: true, errors: [] });
  const mail = received.find(({ to }) => to.includes('ada@mail.test')) as Received;
  expect(mail.to).toEqual(['ada@mail.test']);
  expect(mail.headers).toContain('Subject: Invitation to acme');
  expect(mail.headers).toContain('From: Ambit <ambit@ambit.test>');
  const link = new URL(/https:\/\/app\.test\S+/.exec(mail.body)?.[0] ?? '');
  expect(link.searchParams.get('from')).toBe('mail');
  const secret = link.searchParams.get('invitation');
  const accepted = await mutate(
    await signUp(api, 'ada@mail.test'),
    'acceptInvitation',
    { secret },
    'organization { name }',
  );
  expect(accepted).toEqual({ organization: { name: 'acme' }, errors: [] });
  expect(JSON.stringify(api.logged)).not.toContain('ambit_inv_');
});

test('an invitation is created when the SMTP server is unavailable or rejects the address', async () => {
  const dead = await startApi({ config: { ...SMTP, smtpUrl: 'smtp://127.0.0.1:1' } });
  const acme = await createOrganization(dead, 'acme');
  const emails = Array.from({ length: 12 }, (_, at) => `p${at}@mail.test`);
  const answer = await mutate(acme.owner, 'createInvitations', { emails, roleId: roleId('read') }, INVITED);
  expect(answer).toMatchObject({ mailSent: false, errors: [] });
  expect(answer.invitations).toHaveLength(12);
  expect((await queryData(acme.owner, '{ invitations { totalCount } }')).invitations.totalCount).toBe(12);
  const failures = dead.logged.filter(({ message }) => message === 'mail not sent');
  expect(failures.length).toBeGreaterThanOrEqual(5);
  expect(failures.length).toBeLessThan(12);
  expect(failures[0]).toMatchObject({ level: 'error', requestId: expect.any(String), to: expect.any(String) });
  const one = await mutate(acme.owner, 'resendInvitation', { id: answer.invitations[0].id }, 'mailSent');
  expect(one).toEqual({ mailSent: false, errors: [] });

  const live = await startApi({ config: SMTP });
  const globex = await createOrganization(live, 'globex');
  const mixed = { emails: ['refused@mail.test', 'taken@mail.test'], roleId: roleId('read') };
  expect(await mutate(globex.owner, 'createInvitations', mixed, INVITED)).toMatchObject({
    mailSent: false,
    errors: [],
  });
  expect(received.some(({ to }) => to.includes('taken@mail.test'))).toBe(true);
});

test('no mail is sent for a refused invitation', async () => {
  const api = await startApi({ config: SMTP });
  const { owner } = await createOrganization(api, 'acme');
  const sent = received.length;
  const emails = ['new@mail.test', owner.email];
  const answer = await mutate(owner, 'createInvitations', { emails, roleId: roleId('read') }, INVITED);
  expect(answer).toEqual({ invitations: null, mailSent: null, errors: [{ code: 'TAKEN', path: ['emails', '1'] }] });
  expect(received).toHaveLength(sent);
});

test('a subject cannot add a header, and an address cannot contain a second address', async () => {
  const mailer = createMailer(SMTP, nothing);
  await mailer.send({ to: 'bob@mail.test', subject: 'Hello\r\nBcc: eve@mail.test\r\n\r\nbody', text: 'hi' });
  const mail = received.at(-1) as Received;
  expect(mail.to).toEqual(['bob@mail.test']);
  expect(mail.headers).not.toMatch(/^bcc:/im);
  expect(mail.headers).toMatch(/^Subject: Hello Bcc: eve@mail\.test body$/m);
  const sent = received.length;
  for (const to of [
    'bob@mail.test, eve@mail.test',
    'bob@mail.test\r\nBcc: eve@mail.test',
    '"eve@mail.test x"@mail.test',
    'Bob <bob@mail.test>',
    'bob@mail.test;eve@mail.test',
    '',
  ])
    await expect(mailer.send({ to, subject: 's', text: 't' })).rejects.toThrow();
  expect(received).toHaveLength(sent);
});

test('createOrganization rejects a name with line breaks', async () => {
  const api = await startApi({ config: SMTP });
  const person = await signUp(api, 'eve@mail.test');
  for (const name of ['Acme\r\nBcc: eve@mail.test', 'Acme\u2028x', 'Acme\u0000'])
    expect((await mutate(person, 'createOrganization', { name, slug: 'evil' })).errors).toEqual([
      { code: 'INVALID', path: ['name'] },
    ]);
});

test('without an SMTP server the mail is written to the log', async () => {
  const entries: Json[] = [];
  const mailer = createMailer({ smtpUrl: undefined, mailFrom: 'x' }, (entry) => entries.push(entry));
  expect(await sendAll(mailer, [{ to: 'a@b.test', subject: 's', text: 'https://link.test' }], nothing)).toBe(true);
  expect(entries).toMatchObject([{ level: 'info', mail: { to: 'a@b.test', subject: 's', text: 'https://link.test' } }]);
});

test('names with URLs and addresses become no links, neither in the subject nor in the text', async () => {
  const api = await startApi({ config: SMTP });
  const { owner, id } = await createOrganization(api, 'acme');
  await mutate(owner, 'updateOrganization', { id, name: 'Alert: https://evil.test/now www.evil.test' });
  await api.root`update users set name = ${'Boss boss@evil.test ｅｖｉｌ．test'} where email = ${owner.email}`;
  const projectId = await createProject(owner, 'apollo');
  await mutate(owner, 'updateProject', { id: projectId, name: 'evil。test' });
  const projectRoles = [{ projectId, roleId: projectRoleId('member') }];
  await mutate(owner, 'createInvitations', { emails: ['rob@mail.test'], projectRoles });
  const mail = received.find(({ to }) => to.includes('rob@mail.test')) as Received;
  const subject = /^Subject: (.*)$/m.exec(mail.headers)?.[1];
  expect(subject).toBe('Invitation to Alert: https: / / evil. test/ now www. evil. test');
  const [names = '', roles] = mail.body.split('\r\n\r\n');
  expect(names).toContain('"Boss boss@ evil. test evil. test" invites you to the organization "Alert: https');
  expect(roles).toBe('Role in the project "evil. test": "Member"');
  expect(`${names} ${roles}`).not.toMatch(/https?:\/\/|www\.\S|\S@\S|evil\.test/);
});

test('the link opens the mutations for a person without an account, for the invited address', async () => {
  const api = await startApi();
  const { owner } = await createOrganization(api, 'acme');
  await mutate(owner, 'createInvitations', { emails: ['eve@mail.test'], roleId: roleId('read') });
  const sent: Json = api.logged.findLast((entry) => entry['mail'])?.['mail'];
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
