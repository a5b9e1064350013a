import { argon2Sync } from 'node:crypto';

/** The lowest cost that argon2id has. Sign-in verifies a hash with the cost that the hash names. */
const COST = { memory: 8, passes: 1, parallelism: 1, tagLength: 32 } as const;

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

/** A hash that sign-in accepts and verifies in microseconds. The product's own cost takes 50 ms of a processor. */
export function cheapHash(password: string): string {
  const salt = Buffer.alloc(16, 'salt');
  const tag = argon2Sync('argon2id', { ...COST, message: password, nonce: salt });
  return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}
