import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { encryptionOf, readConfig } from '../src/config.ts';
import { createEncryption, parseEncryptionKey } from '../src/lib/encryption.ts';

const newKey = () => parseEncryptionKey(randomBytes(32).toString('base64')) ?? undefined;

const [old, current] = [newKey(), newKey()];
const before = createEncryption(old, undefined);
const during = createEncryption(current, old);
const after = createEncryption(current, undefined);

const PLACE = { table: 'invitations', column: 'secret', row: ['o1', 'i1'] };
const NOT_OF_ROW = /^the value was not encrypted with the key [0-9a-f]{8} for this row$/;

test('a value is decrypted at its place only', () => {
  const value = after.encrypt('ambit_inv_ä', PLACE);
  expect(value).toMatch(/^v1\.[0-9a-f]{8}\.[\w-]+$/);
  expect(after.decrypt(value, PLACE)).toBe('ambit_inv_ä');
  for (const place of [
    { ...PLACE, table: 'organizations' },
    { ...PLACE, column: 'hash' },
    { ...PLACE, row: ['o2', 'i1'] },
    { ...PLACE, row: ['o1', 'i2'] },
    { ...PLACE, row: ['o1'] },
    { ...PLACE, column: 'secret","o1', row: ['i1'] },
  ])
    expect(() => after.decrypt(value, place)).toThrow(NOT_OF_ROW);
});

test('a value that was changed is not decrypted, whatever was changed', () => {
  const [version, id, payload = ''] = after.encrypt('secret', PLACE).split('.');
  const bytes = Buffer.from(payload, 'base64url');
  for (const at of bytes.keys()) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const value = [version, id, changed.toString('base64url')].join('.');
    expect(() => after.decrypt(value, PLACE)).toThrow(NOT_OF_ROW);
  }
  for (const length of bytes.keys()) {
    const value = [version, id, bytes.subarray(0, length).toString('base64url')].join('.');
    expect(() => after.decrypt(value, PLACE)).toThrow(NOT_OF_ROW);
  }
  for (const value of ['', 'secret', `v2.${id}.${payload}`])
    expect(() => after.decrypt(value, PLACE)).toThrow('the value is not encrypted in a known format');
});

test('equal texts have different values, of one key ID', () => {
  const values = Array.from({ length: 100 }, () => after.encrypt('secret', PLACE).split('.'));
  expect(new Set(values.map(([, , payload]) => payload)).size).toBe(100);
  expect(new Set(values.map(([, id]) => id))).toEqual(new Set([after.keyId]));
});

test('during a rotation both keys decrypt and the current one encrypts, and a missing key is named by its ID', () => {
  const [first, second] = [before.encrypt('first', PLACE), during.encrypt('second', PLACE)];
  expect([during.decrypt(first, PLACE), during.decrypt(second, PLACE)]).toEqual(['first', 'second']);
  expect([during.isCurrent(first), during.isCurrent(second), after.isCurrent(second)]).toEqual([false, true, true]);
  expect(() => before.decrypt(second, PLACE)).toThrow(
    new Error(`the value is encrypted with the key ${after.keyId}, which is not configured`),
  );
  expect(() => after.decrypt(first, PLACE)).toThrow(
    new Error(`the value is encrypted with the key ${before.keyId}, which is not configured`),
  );
  // The ID of another key does not help.
  expect(() => during.decrypt(first.replace(before.keyId, after.keyId), PLACE)).toThrow(NOT_OF_ROW);
});

test('a value of the development key can be read with every key, and is not current', () => {
  const development = encryptionOf(readConfig({}));
  const value = development.encrypt('secret', PLACE);
  expect(value).toMatch(/^v1\.development\./);
  expect([after.decrypt(value, PLACE), after.isCurrent(value)]).toEqual(['secret', false]);
});

test('a key is 32 bytes in base64, base64url or hexadecimal digits, and a configuration does not show it', () => {
  const bytes = randomBytes(32);
  const texts = [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')];
  const keys = texts.map((ENCRYPTION_KEY) => encryptionOf(readConfig({ NODE_ENV: 'production', ENCRYPTION_KEY })));
  expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(1);
  const config = readConfig({ ENCRYPTION_KEY: texts[0] });
  for (const shown of [JSON.stringify(config), inspect(config, { depth: 9, showHidden: true })])
    for (const text of texts) expect(shown).not.toContain(text);
  for (const wrong of ['', 'x', bytes.toString('hex').slice(1), randomBytes(31).toString('base64'), `${texts[0]}=`])
    expect(parseEncryptionKey(wrong)).toBeNull();
});

test('in production, a key is required', () => {
  expect(() => encryptionOf(readConfig({ NODE_ENV: 'production' }))).toThrow(
    /^ENCRYPTION_KEY: required with NODE_ENV=production, .* make one with "openssl rand -base64 32"$/,
  );
  expect(() => readConfig({ ENCRYPTION_KEY: 'hunter2' })).toThrow(
    new Error(
      'ENCRYPTION_KEY: must be 32 random bytes in base64 or hexadecimal digits; make them with "openssl rand -base64 32"',
    ),
  );
  expect(() => readConfig({ ENCRYPTION_KEY_PREVIOUS: randomBytes(32).toString('hex') })).toThrow(
    'ENCRYPTION_KEY_PREVIOUS: requires ENCRYPTION_KEY',
  );
});
