import { randomBytes } from 'node:crypto';
import { getType, toUUID, typeidUnboxed } from 'typeid-js';

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
  return uuid7(time.getTime(), `7${hex(high, 3)}${hex(low, 8)}${randomBytes(4).toString('hex')}`);
}

const hex = (value: bigint, digits: number): string => value.toString(16).padStart(digits, '0');

/** The latest time of a UUIDv7, in the year 10889. */
const MAX_TIME = 2 ** 48 - 1;

/** The first ID that `idAt` can return for this time. */
export const firstIdAt = (time: Date): string => uuid7(Math.min(Math.max(time.getTime(), 0), MAX_TIME), '0'.repeat(20));

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** The two characters for each value of ten bits. */
const PAIRS = Array.from({ length: 1024 }, (_, bits) => `${ALPHABET[bits >> 5]}${ALPHABET[bits & 31]}`);

/**
 * The public form of a stored UUID: a TypeID such as `chk_01j…` (https://github.com/jetify-com/typeid). The library is too
 * slow for responses with hundreds of IDs. Five hexadecimal digits are four digits of base 32. A test compares the results
 * with the library.
 */
export function toPublicId(prefix: IdPrefix, uuid: string): string {
  const hex = uuid.replaceAll('-', '');
  let id = `${prefix}_${PAIRS[Number.parseInt(hex.slice(0, 2), 16)]}`;
  for (let at = 2; at < 32; at += 5) {
    const bits = Number.parseInt(hex.slice(at, at + 5), 16);
    id += `${PAIRS[bits >> 10]}${PAIRS[bits & 1023]}`;
  }
  return id;
}

/** Returns the UUID of a public ID with this prefix, or null for any other text. */
export function fromPublicId(prefix: IdPrefix, id: string): string | null {
  const decoded = decodeId(id);
  return decoded?.prefix === prefix ? decoded.uuid : null;
}

/** Returns the prefix and the UUID of a public ID, or null for any other text. */
export function decodeId(id: string): { prefix: IdPrefix; uuid: string } | null {
  try {
    const prefix = getType(id as never) as string;
    if (!TYPES.has(prefix)) return null;
    const decoded = { prefix, uuid: toUUID(id as never) };
    // The library ignores overflowing bits, so several texts would be IDs of the same row.
    return toPublicId(decoded.prefix, decoded.uuid) === id ? decoded : null;
  } catch {
    return null;
  }
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
