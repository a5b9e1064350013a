import { z } from 'zod';
import { invalid, notFound, type UserErrorCode, userError } from './errors.ts';
import { fromPublicId, type IdPrefix, typeOfPrefix } from './ids.ts';
import { SINGLE_LINE, VISIBLE } from './names.ts';

/** Excludes NUL, which PostgreSQL cannot store, and halves of surrogate pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for NUL
const MULTI_LINE = /^[^\u0000\p{Cs}]*$/u;

/** A single line that must not be empty. */
export const singleLine = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(SINGLE_LINE, { error: 'must be one line without control characters and invisible characters', abort: true })
    .regex(VISIBLE, 'must contain a visible character');

/** Text with line breaks that must not be blank. It is stored as it is given. Null means no text. */
export const multiLine = (max: number) =>
  z
    .string()
    .refine((text) => text.trim() !== '', {
      error: 'must not be empty; use null for no text',
      params: { code: 'TOO_SHORT' satisfies UserErrorCode },
    })
    .max(max)
    .regex(MULTI_LINE, 'must not contain NUL characters or halves of surrogate pairs')
    .nullish();

/** A public ID with this prefix. It is converted to the UUID of the row. */
export const idOf = (prefix: IdPrefix) =>
  z.string().transform((id, ctx) => {
    const uuid = fromPublicId(prefix, id);
    if (uuid) return uuid;
    const message = `there is no ${typeOfPrefix(prefix)} with this ID`;
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

/** A number outside its range is INVALID: TOO_SHORT and TOO_LONG are about texts and lists. */
const codeOf = (issue: z.core.$ZodIssue): UserErrorCode =>
  'origin' in issue && /^(number|int|bigint|date)$/.test(String(issue.origin))
    ? 'INVALID'
    : (CODES[issue.code] ?? 'INVALID');

/** Parses an input with its schema. Throws one error that contains all user errors. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw invalid(
    ...result.error.issues.map((issue) => {
      const path = issue.path.map(String);
      const code = issue.code === 'custom' ? (issue.params?.['code'] as UserErrorCode | undefined) : undefined;
      const message = issue.code === 'invalid_type' ? 'is required and must not be null' : issue.message;
      return userError(code ?? codeOf(issue), path, `${path.join('.') || 'input'}: ${message}.`);
    }),
  );
}

/** Returns the UUID for the public ID of the object that a mutation changes. */
export function targetId(prefix: IdPrefix, id: string): string {
  const uuid = fromPublicId(prefix, id);
  if (!uuid) throw notFound(typeOfPrefix(prefix));
  return uuid;
}
