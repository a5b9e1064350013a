import { createTransport } from 'nodemailer';
import type { Config } from '../../config.ts';
import { type Finding, fail, ok, sentence, warn } from './finding.ts';

/** Milliseconds that the mail server may take for each response. */
const TIMEOUT = 5_000;

/** Connects to the mail server and signs in. Sends no mail. */
export async function checkMail({ smtpUrl, production }: Config, timeout = TIMEOUT): Promise<Finding[]> {
  if (!smtpUrl)
    return production
      ? [warn('SMTP_URL is not set: invitations are written to the log, with their secrets. Set SMTP_URL.')]
      : [ok('SMTP_URL is not set: mail is written to the log.')];
  const { host, username } = new URL(smtpUrl);
  const transport = createTransport({
    url: smtpUrl,
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    dnsTimeout: timeout,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.verify();
    return [ok(`${host} accepts ${username ? 'the sign-in' : 'connections'}. No mail was sent.`)];
  } catch (error) {
    return [fail(`${host} cannot be used: ${sentence(error)} Correct SMTP_URL, or allow the connection.`)];
  } finally {
    transport.close();
  }
}
