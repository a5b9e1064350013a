import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { parseEncryptionKey } from '../lib/encryption.ts';

/** A variable: its schema, the values that it accepts as the continuation of "must be", and its description. */
export const variable = <Schema extends z.ZodType>(schema: Schema, expected: string, description: string): Schema =>
  schema.meta({ expected, description });

const parts = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

export const list = (isValid: (part: string) => boolean) =>
  z
    .string()
    .default('')
    .transform(parts)
    .refine((all) => all.every(isValid));

export const integer = (min: number, max: number, standard: number, description: string) =>
  variable(
    z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max)).default(standard),
    `an integer from ${min} to ${max}`,
    description,
  );

type Names = readonly [string, ...string[]];

const anyOf = (values: Names): string => `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;

export const choice = <const Values extends Names>(values: Values, standard: Values[number], description: string) =>
  variable(z.enum(values).default(standard as never), anyOf(values), description);

export const optionalChoice = <const Values extends Names>(values: Values, description: string) =>
  variable(z.enum(values).optional(), anyOf(values), description);

export const text = (standard: string, description: string) =>
  variable(z.string().min(1).default(standard), 'a text', description);

/** Several hosts are not supported. For a failover, use an address that moves, or a pooler. */
const hasOneHost = (url: string): boolean => URL.canParse(url) && !new URL(url).host.includes(',');

export const databaseUrl = (description: string) =>
  variable(
    z
      .url({ protocol: /^postgres(ql)?$/ })
      .refine(hasOneHost)
      .optional(),
    'a URL with one host, such as postgres://user:password@host:5432/database',
    description,
  );

export const encryptionKey = (description: string) =>
  variable(
    z
      .string()
      .transform(parseEncryptionKey)
      .refine((key): key is KeyObject => key !== null)
      .optional(),
    '32 random bytes in base64 or hexadecimal digits; make them with "openssl rand -base64 32"',
    description,
  );
