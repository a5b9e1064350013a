import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const VERSION = 'v1';
const KEY_BYTES = 32;
/** The length that NIST SP 800-38D recommends for random nonces, in bytes. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Where an encrypted value is stored. A value that was copied to another place cannot be decrypted there. */
export interface Place {
  table: string;
  column: string;
  /** The primary key of the row. */
  row: readonly string[];
}

/** Encrypts secrets that must be readable later. */
export interface Encryption {
  /** The ID of the key that encrypts. */
  readonly keyId: string;
  /** Returns `v1.KEY_ID.PAYLOAD`. The payload is the nonce, the ciphertext and the tag, in base64url. */
  encrypt(text: string, place: Place): string;
  /** Throws an error if the key is missing, or if the value was changed or copied from another place. */
  decrypt(value: string, place: Place): string;
  /** Whether the value is encrypted with the key that encrypts. */
  isCurrent(value: string): boolean;
}

/** The number of stored secrets of one kind, and how many of them were encrypted again. */
export interface Encrypted {
  total: number;
  changed: number;
}

export class DecryptionError extends Error {}

interface EncryptionKey {
  id: string;
  key: KeyObject;
}

/** Parses 32 bytes in base64, base64url or hexadecimal digits. Returns null if the text is something else. */
export function parseEncryptionKey(text: string): KeyObject | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return createSecretKey(text, 'hex');
  if (!/^[\w+/-]{43}=?$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === KEY_BYTES ? createSecretKey(bytes) : null;
}

/** The first 32 bits of a keyed hash. The key cannot be computed from them. */
const idOf = (key: KeyObject): string => createHmac('sha256', key).update('ambit key id').digest('hex').slice(0, 8);

/**
 * The key outside production if ENCRYPTION_KEY is not set. It is public, so it protects nothing. It decrypts in every
 * environment, so that the secrets of a development database can be encrypted again with a private key.
 */
const DEVELOPMENT: EncryptionKey = { id: 'development', key: createSecretKey(Buffer.alloc(KEY_BYTES, 'development')) };

const withId = (key: KeyObject): EncryptionKey => ({ id: idOf(key), key });

/** Encrypts with the current key, and decrypts also with the previous one. Without a current key: the development key. */
export function createEncryption(currentKey: KeyObject | undefined, previousKey: KeyObject | undefined): Encryption {
  const current = currentKey ? withId(currentKey) : DEVELOPMENT;
  const keys = [current, ...(previousKey ? [withId(previousKey)] : []), DEVELOPMENT];
  return {
    keyId: current.id,
    encrypt: (text, place) => `${VERSION}.${current.id}.${seal(current, text, place)}`,
    decrypt(value, place) {
      const [version, id, payload = ''] = value.split('.');
      if (version !== VERSION) throw new DecryptionError('the value is not encrypted in a known format');
      const key = keys.find((one) => one.id === id);
      if (!key) throw new DecryptionError(`the value is encrypted with the key ${id}, which is not configured`);
      return unseal(key, payload, place);
    },
    isCurrent: (value) => value.startsWith(`${VERSION}.${current.id}.`),
  };
}

/** The data that is authenticated, but not encrypted. JSON keeps the parts apart. */
const contextOf = ({ id }: EncryptionKey, { table, column, row }: Place): Buffer =>
  Buffer.from(JSON.stringify([VERSION, id, table, column, ...row]));

function seal(key: EncryptionKey, text: string, place: Place): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.key, nonce, { authTagLength: TAG_BYTES }).setAAD(contextOf(key, place));
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

function unseal(key: EncryptionKey, payload: string, place: Place): string {
  const bytes = Buffer.from(payload, 'base64url');
  const end = bytes.length - TAG_BYTES;
  try {
    const cipher = createDecipheriv(CIPHER, key.key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(contextOf(key, place))
      .setAuthTag(bytes.subarray(end));
    return cipher.update(bytes.subarray(NONCE_BYTES, end), undefined, 'utf8') + cipher.final('utf8');
  } catch {
    // The errors of OpenSSL do not tell what is wrong.
    throw new DecryptionError(`the value was not encrypted with the key ${key.id} for this row`);
  }
}
