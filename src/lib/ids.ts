import { randomUUID } from 'node:crypto';
import { toUUID, typeidUnboxed } from 'typeid-js';

/** GraphQL types by the prefix of their IDs. `declareIdPrefix` adds those of declared resources. */
const TYPES = new Map<string, string>(
  Object.entries({
    org: 'Organization',
    usr: 'User',
    mem: 'Member',
    sva: 'ServiceAccount',
    prj: 'Project',
    pmb: 'ProjectMember',
    pol: 'Policy',
    inv: 'Invitation',
    rol: 'Role',
    ses: 'Session',
    tok: 'ApiToken',
    key: 'ApiKey',
    evt: 'AuditEvent',
  }),
);
const PREFIXES = new Map([...TYPES].map(([prefix, type]) => [type, prefix]));

export type IdPrefix = string;

/** Adds the ID prefix of a declared resource. Throws if it is already in use. */
export function declareIdPrefix(prefix: IdPrefix, typename: string): void {
  if (!/^[a-z]{3}$/.test(prefix))
    throw new Error(`${typename}: the ID prefix ${prefix} must be three lower-case letters`);
  if (TYPES.has(prefix)) throw new Error(`${typename}: the ID prefix ${prefix} belongs to ${TYPES.get(prefix)}`);
  TYPES.set(prefix, typename);
  PREFIXES.set(typename, prefix);
}

/** The GraphQL type of the objects with this prefix. */
export const typeOfPrefix = (prefix: IdPrefix): string => TYPES.get(prefix) ?? prefix;

/** Creates a UUIDv7. IDs of one process are ordered by creation time. */
export const newId = (): string => toUUID(typeidUnboxed(''));

/** How many digits at the end of a UUID count up. Their first value is less than half of the highest, so they do not overflow. */
const [LAST_DIGITS, LAST_NUMBERS] = [7, 2 ** 27];

/**
 * Creates UUIDv7 in ascending order: the first one is random, and each of the others is one more than the one before
 * (RFC 9562, section 6.2, method 2). `newId` takes 3 µs for each ID, which is half of what PostgreSQL needs to insert a row.
 */
export function newIds(count: number): string[] {
  const random = newId();
  const prefix = random.slice(0, -LAST_DIGITS);
  const first = Number.parseInt(random.slice(-LAST_DIGITS), 16) % LAST_NUMBERS;
  return Array.from({ length: count }, (_, at) => prefix + (first + at).toString(16).padStart(LAST_DIGITS, '0'));
}

const uuid7 = (milliseconds: number, rest: string): string => {
  const time = milliseconds.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-${rest.slice(0, 4)}-${rest.slice(4, 8)}-${rest.slice(8)}`;
};

/**
 * A UUIDv7 of this time, so that a range of times is a range of IDs. IDs of one process with the same time are ordered by
 * creation: a monotonic clock is their counter (RFC 9562, section 6.2, method 1).
 */
export function idAt(time: Date): string {
  const counter = process.hrtime.bigint() & 0x3ff_ffff_ffffn;
  const [high, low] = [counter >> 30n, (counter & 0x3fff_ffffn) | (0b10n << 30n)];
  // `randomUUID` keeps random bytes in stock, and its first digits are all random.
  return uuid7(time.getTime(), `7${hex(high, 3)}${hex(low, 8)}${randomUUID().slice(0, 8)}`);
}

const hex = (value: bigint, digits: number): string => value.toString(16).padStart(digits, '0');

/** The latest time of a UUIDv7, in the year 10889. */
const MAX_TIME = 2 ** 48 - 1;

/** The first ID that `idAt` can return for this time. */
export const firstIdAt = (time: Date): string => uuid7(Math.min(Math.max(time.getTime(), 0), MAX_TIME), '0'.repeat(20));

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** The character of the lowest five bits. */
const character = (bits: number): number => ALPHABET.charCodeAt(bits & 31);

/** The value of a hexadecimal digit. The codes of the letters, upper or lower case, end in 1 to 6. */
const digit = (code: number): number => (code & 15) + (code >> 6) * 9;

/** The four characters for the five hexadecimal digits at these places of a UUID. */
function quad(uuid: string, a: number, b: number, c: number, d: number, e: number): string {
  const high = (digit(uuid.charCodeAt(a)) << 8) | (digit(uuid.charCodeAt(b)) << 4) | digit(uuid.charCodeAt(c));
  const bits = (high << 8) | (digit(uuid.charCodeAt(d)) << 4) | digit(uuid.charCodeAt(e));
  return String.fromCharCode(character(bits >> 15), character(bits >> 10), character(bits >> 5), character(bits));
}

/** The two characters for the first two hexadecimal digits of a UUID. */
function pair(uuid: string): string {
  const bits = (digit(uuid.charCodeAt(0)) << 4) | digit(uuid.charCodeAt(1));
  return String.fromCharCode(character(bits >> 5), character(bits));
}

/**
 * The public form of a stored UUID: a TypeID such as `chk_01j…` (https://github.com/jetify-com/typeid). The library is too
 * slow for responses with hundreds of IDs. 130 bits make 26 characters, so the UUID follows two zero bits. Five hexadecimal
 * digits are four characters. The places skip the hyphens. A test compares the results with the library.
 */
export const toPublicId = (prefix: IdPrefix, uuid: string): string =>
  `${prefix}_${pair(uuid)}${quad(uuid, 2, 3, 4, 5, 6)}${quad(uuid, 7, 9, 10, 11, 12)}${quad(uuid, 14, 15, 16, 17, 19)}${quad(uuid, 20, 21, 22, 24, 25)}${quad(uuid, 26, 27, 28, 29, 30)}${quad(uuid, 31, 32, 33, 34, 35)}`;

/** Returns the UUID of a public ID with this prefix, or null for any other text. */
export function fromPublicId(prefix: IdPrefix, id: string): string | null {
  const decoded = decodeId(id);
  return decoded?.prefix === prefix ? decoded.uuid : null;
}

/** A prefix and 26 characters of which the first has three bits. With more bits, several texts would be IDs of one row. */
const PUBLIC_ID = new RegExp(`^([a-z]{3})_([0-7][${ALPHABET}]{25})$`);

const VALUES = new Map([...ALPHABET].map((one, value) => [one, value]));

/** The hexadecimal digits for these characters of a public ID. */
function hexOf(characters: string, digits: number): string {
  let bits = 0;
  for (const one of characters) bits = (bits << 5) | (VALUES.get(one) as number);
  return bits.toString(16).padStart(digits, '0');
}

/** Returns the prefix and the UUID of a public ID, or null for any other text. The inverse of `toPublicId`. */
export function decodeId(id: string): { prefix: IdPrefix; uuid: string } | null {
  const [, prefix = '', text = ''] = PUBLIC_ID.exec(id) ?? [];
  if (!TYPES.has(prefix)) return null;
  let hexadecimal = hexOf(text.slice(0, 2), 2);
  for (let at = 2; at < text.length; at += 4) hexadecimal += hexOf(text.slice(at, at + 4), 5);
  const part = (from: number, to: number): string => hexadecimal.slice(from, to);
  return { prefix, uuid: `${part(0, 8)}-${part(8, 12)}-${part(12, 16)}-${part(16, 20)}-${part(20, 32)}` };
}

/** Returns the public ID of a row of this GraphQL type. */
export function publicIdOf(typename: string, uuid: string): string {
  const prefix = PREFIXES.get(typename);
  if (!prefix) throw new Error(`no ID prefix for type ${typename}: add it to TYPES in lib/ids.ts`);
  return toPublicId(prefix, uuid);
}

// Used for a text that is not an ID. It is handled like the ID of an object that does not exist.
const NONEXISTENT = { typename: 'Organization', id: '00000000-0000-0000-0000-000000000000' };

/** Returns the GraphQL type and the UUID of a public ID. */
export function typedIdOf(id: string): { typename: string; id: string } {
  const decoded = decodeId(id);
  return decoded ? { typename: typeOfPrefix(decoded.prefix), id: decoded.uuid } : NONEXISTENT;
}

/** ID prefixes of the columns that reference other tables. */
export type References = Readonly<Record<string, IdPrefix>>;

/** A row for the audit log: with public IDs, and without its organization, which is that of the log. */
export function publicRow(
  prefix: IdPrefix,
  row: Record<string, unknown>,
  references: References = {},
): Record<string, unknown> {
  const { organizationId: _, ...rest } = row;
  const prefixes: References = { projectId: 'prj', userId: 'usr', ...references, id: prefix };
  const publicOf = (column: string, value: unknown): unknown => {
    const reference = prefixes[column];
    return reference && typeof value === 'string' ? toPublicId(reference, value) : value;
  };
  return Object.fromEntries(Object.entries(rest).map(([column, value]) => [column, publicOf(column, value)]));
}
