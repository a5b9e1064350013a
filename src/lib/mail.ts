import { createTransport } from 'nodemailer';
import type { Config } from '../config.ts';
import type { Log } from './log.ts';

export interface Mail {
  /** One address. */
  to: string;
  subject: string;
  text: string;
  html: string;
  /** The Message-ID without its angle brackets. A message that is sent again has the same one. */
  messageId: string;
}

export interface Mailer {
  /** Whether mails are logged instead of sent, because there is no mail server. */
  readonly isLog: boolean;
  /** Resolves when the mail server has accepted the message, and rejects otherwise. */
  send(mail: Mail): Promise<void>;
}

/** Milliseconds that the mail server may take to connect and for each response. */
const TIMEOUT = 10_000;
/** Milliseconds for the whole message. A server that responds slowly to each command would take longer. */
const DEADLINE = 60_000;

/** Sends over SMTP. Without SMTP_URL, logs the message with its link. Connects for each mail. */
export function createMailer({ smtpUrl, mailFrom }: Pick<Config, 'smtpUrl' | 'mailFrom'>, log: Log): Mailer {
  if (!smtpUrl)
    return {
      isLog: true,
      send: async ({ to, subject, text }) =>
        log({ level: 'info', message: 'mail not sent, because SMTP_URL is not set', mail: { to, subject, text } }),
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
    isLog: false,
    async send({ to, subject, text, html, messageId }) {
      // An address object is not parsed, so it cannot result in two recipients.
      const sending = transport.sendMail({
        from: mailFrom,
        to: { name: '', address: plainAddress(to) },
        subject: oneLine(subject),
        text,
        html,
        messageId: `<${messageId}>`,
        // Prevents automatic replies (RFC 3834).
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      await withDeadline(sending);
    },
  };
}

async function withDeadline(sending: Promise<unknown>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('the mail server took too long')), DEADLINE);
  await Promise.race([sending, promise]).finally(() => clearTimeout(timer));
}

/** A line break in a subject would start another header. Names in the subject were already validated as input. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();

function plainAddress(address: string): string {
  if (!/^[^\s\p{Cc}<>(),;:"[\]\\@]+@[^\s\p{Cc}<>(),;:"[\]\\@]+$/u.test(address))
    throw new Error('the recipient is not a single plain e-mail address');
  return address;
}

/**
 * Whether the mail server has refused the recipient or the message permanently (RFC 5321, replies 5yz). A refusal of the login
 * or of the sender does not count, because an operator can correct the configuration.
 */
export function isRefused(error: unknown): boolean {
  const { responseCode = 0, command = '' } = error as { responseCode?: number; command?: string };
  return responseCode >= 500 && responseCode < 600 && ['RCPT TO', 'DATA'].includes(command);
}
