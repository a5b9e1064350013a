import { styleText } from 'node:util';
import { amount, type Finding, type Result, type Status } from './finding.ts';

const COLORS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export interface ReportOptions {
  /** Whether the statuses are coloured. */
  color: boolean;
  /** The length of the longest name, so that the texts begin in one column. */
  width: number;
}

/** The lines of a result: status, name, text. */
export const linesOf = ({ name, findings }: Result, { color, width }: ReportOptions): string =>
  findings
    .map(({ status, text }) => `  ${painted(status, status.padEnd(4), color)}  ${name.padEnd(width)}  ${text}\n`)
    .join('');

const painted = (status: Status, text: string, color: boolean): string =>
  color ? styleText(COLORS[status], text, { validateStream: false }) : text;

/** The last line of the report, such as `9 ok, 1 warning, 2 failures`. */
export function summaryOf(findings: readonly Finding[]): string {
  const count = (status: Status): number => findings.filter((finding) => finding.status === status).length;
  const parts = [`${count('ok')} ok`, amount(count('warn'), 'warning'), amount(count('fail'), 'failure')];
  return `\n  ${parts.filter((part) => !part.startsWith('0 ')).join(', ')}\n`;
}

/** Values that must not be printed: keys, tokens, and the passwords of URLs, as they are written and decoded. */
export const secretsOf = (environment: Record<string, string | undefined>): string[] =>
  Object.entries(environment).flatMap(([name, value = '']) =>
    /_(KEY|TOKEN)(_|$)/.test(name) && value ? [value] : passwordsOf(value),
  );

function passwordsOf(url: string): string[] {
  const password = URL.canParse(url) ? new URL(url).password : '';
  return password ? [password, decoded(password)] : [];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Replaces the secrets in a text, because an error message of a server could repeat one. */
export const redact = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), text);
