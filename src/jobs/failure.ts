import { postgresError } from '../db/constraints.ts';
import { DATA_EXCEPTION, errorMessage } from '../lib/log.ts';

/** Maximum number of characters of a stored message. */
const LENGTH = 500;

/** Credentials in URLs, e-mail addresses, and the values of secrets. */
const SECRETS: [RegExp, string][] = [
  [/(\w+:\/\/)[^\s/@]+@/g, '$1***@'],
  [/[^\s<>"'@/:*]+@[^\s<>"'@*]+/g, '***@***'],
  [/\b(ambit_[a-z]+_)[A-Za-z0-9_-]+/g, '$1***'],
];

/**
 * The error that is stored with a failed job and shown to operators: one line, without a stack trace, values of statements,
 * e-mail addresses and secrets.
 */
export function failureOf(error: unknown): { message: string } {
  const quotesValue = postgresError(error)?.code?.startsWith(DATA_EXCEPTION);
  const line = quotesValue ? 'a value is not valid' : errorMessage(error).replace(/\s+/g, ' ');
  const message = SECRETS.reduce((text, [secret, replacement]) => text.replace(secret, replacement), line);
  return { message: message.slice(0, LENGTH) };
}
