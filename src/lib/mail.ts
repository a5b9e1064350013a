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
  /** Resolves when the mail server has accepted the message, and rejects otherwise. */
  send(mail: Mail): Promise<void>;
}

/** Milliseconds that the mail server may take for each response. The request waits for it. */
const TIMEOUT = 10_000;
/** Number of mails that are sent at the same time. */
const CONCURRENCY = 5;

/** Sends over SMTP. Without SMTP_URL, logs the message with its link. Connects when the first mail is sent. */
export function createMailer({ smtpUrl, mailFrom }: Pick<Config, 'smtpUrl' | 'mailFrom'>, log: Log): Mailer {
  if (!smtpUrl)
    return {
      send: async (mail) => log({ level: 'info', message: 'mail not sent, because SMTP_URL is not set', mail }),
    };
  const transport = createTransport({
    url: smtpUrl,
    connectionTimeout: TIMEOUT,
    greetingTimeout: TIMEOUT,
    socketTimeout: TIMEOUT,
    dnsTimeout: TIMEOUT,
    // Prevents nodemailer from reading files or fetching URLs.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send({ to, subject, text }) {
      // An address object is not parsed, so it cannot result in two recipients.
      await transport.sendMail({
        from: mailFrom,
        to: { name: '', address: plainAddress(to) },
        subject: oneLine(subject),
        text,
      });
    },
  };
}

/** A line break in a subject would start another header. Names in the subject were already validated as input. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();

function plainAddress(address: string): string {
  if (!/^[^\s\p{Cc}<>(),;:"[\]\\@]+@[^\s\p{Cc}<>(),;:"[\]\\@]+$/u.test(address))
    throw new Error('the recipient is not a single plain e-mail address');
  return address;
}

/**
 * Sends several mails at the same time. Returns whether the mail server accepted all, and logs those that failed. After
 * CONCURRENCY failures, the remaining mails are not sent.
 */
export async function sendAll(mailer: Mailer, mails: readonly Mail[], log: Log): Promise<boolean> {
  const queue = [...mails];
  let failed = 0;
  const sendQueued = async (): Promise<void> => {
    for (let mail = queue.shift(); mail && failed < CONCURRENCY; mail = queue.shift())
      await mailer.send(mail).catch((error: unknown) => {
        failed += 1;
        log({ level: 'error', message: 'mail not sent', to: mail?.to, error: String(error) });
      });
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, sendQueued));
  return failed === 0;
}
