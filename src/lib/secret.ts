import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What a secret is for stands in front of it, so that a scanner finds it in a log or a repository. */
export type SecretKind = 'ambit_pat_' | 'ambit_ref_' | 'ambit_inv_';

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0');

/** 256 random bits between prefix and checksum, as GitHub's tokens are made. */
export function newSecret(kind: SecretKind): string {
  const body = kind + randomBytes(32).toString('hex');
  return body + checksum(body);
}

/** Whether a text can be such a secret at all: what is mistyped or made up never reaches the database. */
export const isSecret = (kind: SecretKind, text: string): boolean =>
  text.startsWith(kind) && text.length === kind.length + 72 && checksum(text.slice(0, -8)) === text.slice(-8);

/** What is stored. The secret is random, so a fast hash is enough, and finding it by an index tells nothing. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
