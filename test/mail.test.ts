import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createMailer, isRefused, type Mail, type Mailer } from '../src/lib/mail.ts';
import { renderMail } from '../src/lib/mail-template.ts';
import type { Json } from './support/api.ts';
import { reply, startSmtp } from './support/smtp.ts';

const smtp = await startSmtp();
const nothing = (): void => undefined;
const mailer = createMailer(smtp.config, nothing);

const MAIL: Mail = { to: 'bob@mail.test', subject: 's', text: 't', html: '<p>t</p>', messageId: 'id@ambit.test' };

const failureOf = (of: Mailer, mail: Partial<Mail> = {}): Promise<unknown> =>
  of.send({ ...MAIL, ...mail }).then(
    () => null,
    (error: unknown) => error,
  );

test('a mail has a text part, an HTML part, the given Message-ID, and suppresses automatic responses', async () => {
  await mailer.send({ ...MAIL, text: 'Grüße = 1', html: '<p>Grüße = 2</p>' });
  const [mail] = smtp.to('bob@mail.test');
  expect(mail).toMatchObject({ text: 'Grüße = 1', html: '<p>Grüße = 2</p>' });
  expect(mail?.headers).toContain('Content-Type: multipart/alternative');
  expect(mail?.headers).toContain('From: Ambit <ambit@ambit.test>');
  expect(mail?.headers).toContain('Message-ID: <id@ambit.test>');
  expect(mail?.headers).toContain('Auto-Submitted: auto-generated');
});

test('a subject cannot add a header, and an address cannot contain a second address', async () => {
  await mailer.send({ ...MAIL, subject: 'Hello\r\nBcc: eve@mail.test\r\n\r\nbody' });
  const mail = smtp.received.at(-1);
  expect(mail?.to).toEqual(['bob@mail.test']);
  expect(mail?.headers).not.toMatch(/^bcc:/im);
  expect(mail?.headers).toMatch(/^Subject: Hello Bcc: eve@mail\.test body$/m);
  const sent = smtp.received.length;
  for (const to of [
    'bob@mail.test, eve@mail.test',
    'bob@mail.test\r\nBcc: eve@mail.test',
    '"eve@mail.test x"@mail.test',
    'Bob <bob@mail.test>',
    'bob@mail.test;eve@mail.test',
    '',
  ])
    await expect(mailer.send({ ...MAIL, to })).rejects.toThrow();
  expect(smtp.received).toHaveLength(sent);
});

test('a refusal of the recipient or the message is final, and every other failure is not', async () => {
  const answers = new Map([
    ['gone@mail.test', 550],
    ['full@mail.test', 452],
  ]);
  smtp.onRecipient = (address) => (answers.has(address) ? reply(answers.get(address) ?? 0) : null);
  smtp.onMessage = ({ to }) => (to.includes('spam@mail.test') ? reply(554) : null);
  const closed = createServer().listen(0, '127.0.0.1');
  const port = await new Promise<number>((done) =>
    closed.on('listening', () => done((closed.address() as { port: number }).port)),
  );
  await new Promise((done) => closed.close(done));
  const isFinal = async (of: Mailer, to: string): Promise<boolean | null> => {
    const error = await failureOf(of, { to });
    return error === null ? null : isRefused(error);
  };
  expect(await isFinal(mailer, 'bob@mail.test')).toBeNull();
  expect(await isFinal(mailer, 'gone@mail.test')).toBe(true);
  expect(await isFinal(mailer, 'spam@mail.test')).toBe(true);
  expect(await isFinal(mailer, 'full@mail.test')).toBe(false);
  const unavailable = createMailer({ ...smtp.config, smtpUrl: `smtp://127.0.0.1:${port}` }, nothing);
  expect(await isFinal(unavailable, 'bob@mail.test')).toBe(false);
  const login = createMailer({ ...smtp.config, smtpUrl: smtp.config.smtpUrl.replace('//', '//me:wrong@') }, nothing);
  expect(await isFinal(login, 'bob@mail.test')).toBe(false);
});

test('the template escapes everything, and its HTML loads nothing and sets no color', () => {
  const evil = `<img src=x onerror="alert('1')"> & <b>`;
  const { text, html } = renderMail(evil, [
    { lines: [evil, 'second line'] },
    { sentence: evil, label: evil, href: `https://app.test/?a=1&b="><script>` },
  ]);
  expect(text).toBe(`${evil}\nsecond line\n\n${evil}:\nhttps://app.test/?a=1&b="><script>`);
  expect(html).toContain('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; &lt;b&gt;<br>\nsecond line');
  expect(html).toContain('href="https://app.test/?a=1&amp;b=&quot;&gt;&lt;script&gt;"');
  const tags = new Set([...html.matchAll(/<([a-z]+)/g)].map(([, tag]) => tag));
  expect([...tags].sort()).toEqual(['a', 'body', 'br', 'head', 'html', 'meta', 'p', 'style', 'title']);
  expect(html).toContain('<meta name="color-scheme" content="light dark">');
  expect(html.replace('color-scheme', '')).not.toMatch(/url\(|src="|@import|[^-]color:|background/);
});

test('without an SMTP server the mail is written to the log as text', async () => {
  const entries: Json[] = [];
  const log = createMailer({ smtpUrl: undefined, mailFrom: 'x' }, (entry) => entries.push(entry));
  await log.send({ ...MAIL, text: 'https://link.test' });
  expect(entries).toEqual([
    {
      level: 'info',
      message: 'mail not sent, because SMTP_URL is not set',
      mail: { to: 'bob@mail.test', subject: 's', text: 'https://link.test' },
    },
  ]);
  expect([log.isLog, mailer.isLog]).toEqual([true, false]);
});
