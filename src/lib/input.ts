import { z } from 'zod';
import { invalid, notFound, type UserErrorCode, userError } from './errors.ts';
import { fromPublicId, type IdPrefix, typeOfPrefix } from './ids.ts';

/**
 * Postgres cannot store U+0000, half a surrogate pair would be stored as another character, and a name with line
 * breaks or escape codes forges logs and terminals, and one with invisible or turning characters looks like another.
 */
const LINE = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]*$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what it looks for
const PROSE = /^[^\u0000\p{Cs}]*$/u;

const LINE_ONLY = 'must be one line without control characters';

/** One line that must not be empty. */
export const singleLine = (max: number) => z.string().trim().min(1).max(max).regex(LINE, LINE_ONLY);

/** Text of several lines that must not be empty. Null for no text. */
export const multiLine = (max: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be empty; use null for no text')
    .max(max)
    .regex(PROSE, 'must not contain NUL characters or halves of surrogate pairs')
    .nullish();

/** A public id of this type, read to the row's uuid. */
export const idOf = (prefix: IdPrefix) =>
  z.string().transform((id, ctx) => {
    const uuid = fromPublicId(prefix, id);
    if (uuid) return uuid;
    const message = `there is no ${typeOfPrefix(prefix)} with this id`;
    ctx.addIssue({ code: 'custom', message, params: { code: 'NOT_FOUND' satisfies UserErrorCode } });
    return z.NEVER;
  });

export const slug = z
  .string()
  .min(2)
  .max(63)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be lower-case letters, digits and single hyphens between them');

/** The short name of an object, for use in code. */
export const aliasText = z
  .string()
  .min(2)
  .max(63)
  .regex(
    /^[a-z0-9]+([-_][a-z0-9]+)*$/,
    'must be lower-case letters and digits, with single hyphens or underscores between them',
  );

export const email = z.string().trim().max(254).pipe(z.email('must be an e-mail address'));

const CODES: Record<string, UserErrorCode> = { too_small: 'TOO_SHORT', too_big: 'TOO_LONG', invalid_type: 'REQUIRED' };

/** Reads an input by its schema, or throws all that is wrong with it at once. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw invalid(
    ...result.error.issues.map((issue) => {
      const path = issue.path.map(String);
      const given = issue.code === 'custom' ? (issue.params?.['code'] as UserErrorCode | undefined) : undefined;
      const message = issue.code === 'invalid_type' ? 'must be given, and not be null' : issue.message;
      return userError(given ?? CODES[issue.code] ?? 'INVALID', path, `${path.join('.') || 'input'}: ${message}.`);
    }),
  );
}

/** The row's uuid of the object that a mutation is about. */
export function targetId(prefix: IdPrefix, id: string): string {
  const uuid = fromPublicId(prefix, id);
  if (!uuid) throw notFound(typeOfPrefix(prefix));
  return uuid;
}
