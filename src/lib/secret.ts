import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Prefix of a secret. It tells the kind, and secret scanners can find it in logs and repositories. */
export type SecretKind = 'ambit_pat_' | 'ambit_key_' | 'ambit_ref_' | 'ambit_inv_' | 'ambit_int_' | 'ambit_set_';

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0');

/** Creates a secret: the prefix, 256 random bits and a checksum, in the same way as GitHub's tokens. */
export function newSecret(kind: SecretKind): string {
  const body = kind + randomBytes(32).toString('hex');
  return body + checksum(body);
}

/** Checks prefix, length and checksum, so that a mistyped secret causes no database query. */
export const isSecret = (kind: SecretKind, text: string): boolean =>
  text.startsWith(kind) && text.length === kind.length + 72 && checksum(text.slice(0, -8)) === text.slice(-8);

/** The stored form of a secret. A fast hash is sufficient, because the secret is random. Its lookup by an index leaks nothing. */
export const hashSecret = (secret: string): string => hash('sha256', secret, 'base64url');

/** The last four characters of a secret, by which people recognize it. */
export const hintOf = (secret: string): string => secret.slice(-4);

/** A secret as it is shown in lists. Null if its last characters are not known, because an earlier version created it. */
export const shownSecret = (kind: SecretKind, hint: string | null): string | null => hint && `${kind}…${hint}`;
