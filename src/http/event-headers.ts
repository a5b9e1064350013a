import type { IncomingMessage } from 'node:http';
import { AmbitError } from '../lib/errors.ts';

/** `application/json`, and types such as `application/cloudevents+json`. */
const JSON_TYPE = /^application\/(json|[\w.-]+\+json)$/i;

/** Refuses a body that is not JSON in UTF-8, by its headers. */
export function requireJsonBody({ headers }: IncomingMessage): void {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';').map((part) => part.trim());
  if (!JSON_TYPE.test(type)) throw unsupported('content-type: must be application/json.');
  const charset = parameters.find((parameter) => /^charset\s*=/i.test(parameter));
  if (charset && !/^charset\s*=\s*"?utf-8"?$/i.test(charset))
    throw unsupported('content-type: the charset must be utf-8.');
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  // RFC 9110, section 15.5.16: the response names the encodings that the server accepts.
  if (encoding !== 'identity')
    throw unsupported('content-encoding: the body must not be compressed.', { 'accept-encoding': 'identity' });
}

const MAX_KEY = 255;

/** A string of RFC 8941, section 3.3.3. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const BARE = /^[\x21\x23-\x7e]+$/;

/**
 * The value of the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header). The draft requires quotes. Most
 * clients send none, so they can be omitted. Null without the header.
 */
export function idempotencyKeyOf({ headers }: IncomingMessage): string | null {
  const given = headers['idempotency-key'];
  if (given === undefined) return null;
  const text = String(given).trim();
  const key = QUOTED.exec(text)?.[1]?.replace(/\\(["\\])/g, '$1') ?? (BARE.test(text) ? text : '');
  if (key === '' || key.length > MAX_KEY)
    throw new AmbitError(
      'BAD_REQUEST',
      `Idempotency-Key: must be a text of 1 to ${MAX_KEY} printable ASCII characters, with or without quotes.`,
      { http: { status: 400 } },
    );
  return key;
}

const unsupported = (message: string, headers?: Record<string, string>): AmbitError =>
  new AmbitError('BAD_REQUEST', message, { http: { status: 415, headers } });
