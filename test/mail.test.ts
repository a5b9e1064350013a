import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, expect, test } from 'vitest';
import { createMailer, sendAll } from '../src/lib/mail.ts';
import { type Json, startApi } from './support/api.ts';
import { ask, found, mutate, roleId, signUp } from './support/world.ts';

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

test('an invitation arrives with a link to the page of the instance, and its secret is good', async () => {
  const api = await startApi({ config: { ...SMTP, invitationUrl: 'https://app.test/join?from=mail' } });
  const { owner } = await found(api, 'acme');
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

test('a server that does not answer, or refuses an address, neither undoes nor hides the invitation', async () => {
  const dead = await startApi({ config: { ...SMTP, smtpUrl: 'smtp://127.0.0.1:1' } });
  const acme = await found(dead, 'acme');
  const emails = Array.from({ length: 12 }, (_, at) => `p${at}@mail.test`);
  const answer = await mutate(acme.owner, 'createInvitations', { emails, roleId: roleId('read') }, INVITED);
  expect(answer).toMatchObject({ mailSent: false, errors: [] });
  expect(answer.invitations).toHaveLength(12);
  expect((await ask(acme.owner, '{ invitations { totalCount } }')).invitations.totalCount).toBe(12);
  const failures = dead.logged.filter(({ message }) => message === 'mail not sent');
  expect(failures.length).toBeGreaterThanOrEqual(5);
  expect(failures.length).toBeLessThan(12);
  expect(failures[0]).toMatchObject({ level: 'error', requestId: expect.any(String), to: expect.any(String) });
  const one = await mutate(acme.owner, 'resendInvitation', { id: answer.invitations[0].id }, 'mailSent');
  expect(one).toEqual({ mailSent: false, errors: [] });

  const live = await startApi({ config: SMTP });
  const globex = await found(live, 'globex');
  const mixed = { emails: ['refused@mail.test', 'taken@mail.test'], roleId: roleId('read') };
  expect(await mutate(globex.owner, 'createInvitations', mixed, INVITED)).toMatchObject({
    mailSent: false,
    errors: [],
  });
  expect(received.some(({ to }) => to.includes('taken@mail.test'))).toBe(true);
});

test('no mail goes out for what was refused', async () => {
  const api = await startApi({ config: SMTP });
  const { owner } = await found(api, 'acme');
  const sent = received.length;
  const emails = ['new@mail.test', owner.email];
  const answer = await mutate(owner, 'createInvitations', { emails, roleId: roleId('read') }, INVITED);
  expect(answer).toEqual({ invitations: null, mailSent: null, errors: [{ code: 'TAKEN', path: ['emails', '1'] }] });
  expect(received).toHaveLength(sent);
});

test('no name begins a header, and no address turns out to be two', async () => {
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

test('a name with line breaks is refused where it comes in', async () => {
  const api = await startApi({ config: SMTP });
  const person = await signUp(api, 'eve@mail.test');
  for (const name of ['Acme\r\nBcc: eve@mail.test', 'Acme\u2028x', 'Acme\u0000'])
    expect((await mutate(person, 'createOrganization', { name, slug: 'evil' })).errors).toEqual([
      { code: 'INVALID', path: ['name'] },
    ]);
});

test('without a server the message is in the log, with its link', async () => {
  const entries: Json[] = [];
  const mailer = createMailer({ smtpUrl: undefined, mailFrom: 'x' }, (entry) => entries.push(entry));
  expect(await sendAll(mailer, [{ to: 'a@b.test', subject: 's', text: 'https://link.test' }], nothing)).toBe(true);
  expect(entries).toMatchObject([{ level: 'info', mail: { to: 'a@b.test', subject: 's', text: 'https://link.test' } }]);
});
