import { createTransport } from 'nodemailer';
import type { Config } from '../config.ts';
import type { Log } from './log.ts';

export interface Mail {
  /** One address. */
  to: string;
  subject: string;
  text: string;
}

export interface Mailer {
  /** Resolves once the server has taken the message, or rejects. */
  send(mail: Mail): Promise<void>;
}

/** Milliseconds that a mail server has for each answer: a request waits for it. */
const PATIENCE = 10_000;
const AT_ONCE = 5;

/** Over SMTP; without a server the message goes to the log, with its link. Connects when it first sends. */
export function createMailer({ smtpUrl, mailFrom }: Pick<Config, 'smtpUrl' | 'mailFrom'>, log: Log): Mailer {
  if (!smtpUrl) return { send: async (mail) => log({ level: 'info', message: 'mail, as SMTP_URL is not set', mail }) };
  const transport = createTransport({
    url: smtpUrl,
    connectionTimeout: PATIENCE,
    greetingTimeout: PATIENCE,
    socketTimeout: PATIENCE,
    dnsTimeout: PATIENCE,
    // A text is a text, whatever it looks like.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send({ to, subject, text }) {
      // An address that is given in parts is not parsed, so it cannot turn out to be two.
      await transport.sendMail({
        from: mailFrom,
        to: { name: '', address: plainAddress(to) },
        subject: oneLine(subject),
        text,
      });
    },
  };
}

/** What holds a line break begins another header. Names are checked where they come in, and once more here. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();

function plainAddress(address: string): string {
  if (!/^[^\s\p{Cc}<>(),;:"[\]\\@]+@[^\s\p{Cc}<>(),;:"[\]\\@]+$/u.test(address))
    throw new Error('not the plain address of one mailbox');
  return address;
}

/**
 * Sends a few at once and tells whether all were taken; which were not is in the log. A server that fails as often as
 * it is asked at once is not asked for the rest.
 */
export async function sendAll(mailer: Mailer, mails: readonly Mail[], log: Log): Promise<boolean> {
  const waiting = [...mails];
  let failed = 0;
  const work = async (): Promise<void> => {
    for (let mail = waiting.shift(); mail && failed < AT_ONCE; mail = waiting.shift())
      await mailer.send(mail).catch((error: unknown) => {
        failed += 1;
        log({ level: 'error', message: 'a mail was not sent', to: mail?.to, error: String(error) });
      });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failed === 0;
}
