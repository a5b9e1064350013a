import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll } from 'vitest';

/** A mail as the server received it. */
export interface Received {
  to: string[];
  headers: string;
  /** The plain text and the HTML, decoded. */
  text: string;
  html: string;
}

export interface Smtp {
  /** The configuration of a server that sends to it. */
  config: { smtpUrl: string; mailFrom: string };
  received: Received[];
  /** The mails to this address. */
  to(address: string): Received[];
  /** What the server does with a recipient. Defaults to accepting it. */
  onRecipient: ((address: string) => Error | null | Promise<Error | null>) | undefined;
  /** What the server does with a message that it has received. Defaults to accepting it. */
  onMessage: ((mail: Received) => Error | null | Promise<Error | null>) | undefined;
}

/** A refusal with this code. */
export const reply = (responseCode: number, text = 'refused'): Error =>
  Object.assign(new Error(text), { responseCode });

/** Starts a real SMTP server, which ends with the test file. */
export async function startSmtp(): Promise<Smtp> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    closeTimeout: 100,
    onRcptTo: ({ address }, _session, done) => void Promise.resolve(smtp.onRecipient?.(address)).then(done),
    async onData(stream, session, done) {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      const to = session.envelope.rcptTo.map(({ address }) => address);
      const mail = { to, ...parse(Buffer.concat(chunks).toString()) };
      smtp.received.push(mail);
      done(await smtp.onMessage?.(mail));
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  afterAll(() => new Promise<void>((done) => server.close(done)));
  const { port } = server.server.address() as AddressInfo;
  const smtp: Smtp = {
    config: { smtpUrl: `smtp://127.0.0.1:${port}`, mailFrom: 'Ambit <ambit@ambit.test>' },
    received: [],
    to: (address) => smtp.received.filter((mail) => mail.to.includes(address)),
    onRecipient: undefined,
    onMessage: undefined,
  };
  return smtp;
}

const EMPTY_LINE = '\r\n\r\n';

function parse(source: string): Omit<Received, 'to'> {
  const at = source.indexOf(EMPTY_LINE);
  const headers = source.slice(0, at).replace(/\r\n[ \t]+/g, ' ');
  const [, boundary] = /boundary="([^"]+)"/.exec(headers) ?? [];
  const parts = boundary ? source.split(`--${boundary}`) : [];
  const part = (type: string): string => decode(parts.find((each) => each.includes(`Content-Type: ${type}`)) ?? '');
  return { headers, text: part('text/plain'), html: part('text/html') };
}

/** The content of a part. */
function decode(part: string): string {
  const at = part.indexOf(EMPTY_LINE);
  const body = part.slice(at + EMPTY_LINE.length).trimEnd();
  if (/base64/i.test(part.slice(0, at))) return Buffer.from(body, 'base64').toString();
  if (!/quoted-printable/i.test(part.slice(0, at))) return body;
  const bytes = body
    .replaceAll('=\r\n', '')
    .replace(/=([0-9A-F]{2})/g, (_all, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
