import type { GraphQLFormattedError } from 'graphql';
import type { Context } from '../context.ts';
import { stopWork } from '../db/work.ts';
import type { Limits } from '../executor/model.ts';
import { AmbitError } from '../lib/errors.ts';
import type { Result } from './errors.ts';
import type { RequestState } from './server-context.ts';
import { addCode } from './trace.ts';

/**
 * Maximum number of errors in a response. Each takes about 0.2 ms, ten times as long as a value, so an operation with an
 * error for each of its values would block the server for seconds.
 */
export const MAX_ERRORS = 1_000;

const HINT = 'Request fewer objects or fields, shorter pages, or less in one operation.';

const above = (limit: number): string =>
  `larger than ${limit.toLocaleString('en')} bytes, or have more than ${MAX_ERRORS.toLocaleString('en')} errors`;

const tooLarge = (limit: number): AmbitError =>
  new AmbitError('RESPONSE_TOO_LARGE', `The response would be ${above(limit)}.`, {
    limit,
    hint: HINT,
  });

/** The error of a root field of a mutation. What it has changed is committed, so the client must not send it again. */
const payloadTooLarge = (limit: number): AmbitError =>
  new AmbitError(
    'RESPONSE_TOO_LARGE',
    `The mutation has run, but its payload is left out, because the response would be ${above(limit)}. If its input had errors, nothing was changed.`,
    { limit, hint: 'Read the object to see its state. Select fewer fields of the payload.' },
  );

/** The limit that the executor enforces while it builds a response. */
export const responseLimits = (limit: number): Limits => ({
  maxSize: limit,
  maxErrors: MAX_ERRORS,
  onTooLarge({ operation }, context) {
    if (operation === 'mutation') return payloadTooLarge(limit);
    const error = tooLarge(limit);
    stopWork((context as Context).work, error);
    return error;
  },
});

/** Whether the text has at most `limit` bytes. A character has at most three bytes in UTF-8. */
export const fits = (text: string, limit: number): boolean =>
  text.length * 3 <= limit || Buffer.byteLength(text) <= limit;

/**
 * Returns a function that writes a result as JSON. The executor has limited its estimated size. This function counts
 * exactly, also the characters that need several bytes.
 */
export const limitedStringify =
  (limit: number, { work, trace }: RequestState) =>
  (result: Result): string => {
    const text = JSON.stringify(result);
    if (fits(text, limit)) return text;
    addCode(trace, 'RESPONSE_TOO_LARGE');
    return JSON.stringify(
      work.hasSentCommit
        ? withoutPayloads(result, Buffer.byteLength(text) - limit, limit)
        : { data: null, errors: [tooLarge(limit)] },
    );
  };

/** Replaces the largest payloads of a mutation by null and an error each. */
function withoutPayloads({ data, errors = [] }: Result, excess: number, limit: number): Result {
  const payloads = Object.entries(data as Record<string, unknown>).map(([key, payload]) => ({
    key,
    bytes: Buffer.byteLength(JSON.stringify(payload)),
  }));
  const left = new Map<string, unknown>(Object.entries(data as object));
  const added: GraphQLFormattedError[] = [];
  let toRemove = excess;
  for (const { key, bytes } of payloads.sort((one, other) => other.bytes - one.bytes)) {
    if (toRemove <= 0) break;
    left.set(key, null);
    const error = { ...payloadTooLarge(limit).toJSON(), path: [key] };
    added.push(error);
    toRemove -= bytes - Buffer.byteLength(JSON.stringify(error));
  }
  return { data: Object.fromEntries(left), errors: [...errors, ...added] };
}
