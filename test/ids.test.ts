import fc from 'fast-check';
import { fromUUID, getType, toUUID } from 'typeid-js';
import { expect, test } from 'vitest';
import { decodeId, newId, newIds, toPublicId } from '../src/lib/ids.ts';

const prefixes = fc.constantFrom('org', 'mem', 'prj', 'usr');

test('a public id is the TypeID of its UUID and can be decoded', () => {
  fc.assert(
    fc.property(prefixes, fc.oneof(fc.uuid(), fc.constant(newId())), (prefix, uuid) => {
      const id = toPublicId(prefix, uuid);
      expect(id).toBe(fromUUID(uuid, prefix));
      expect(decodeId(id)).toEqual({ prefix, uuid });
    }),
    { numRuns: 2_000 },
  );
});

test('a text that is decoded is the only ID of its UUID, and all that the library reads are decoded', () => {
  const characters = fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyzAZ_-é');
  const ids = fc.tuple(prefixes, fc.uuid()).map(([prefix, uuid]) => toPublicId(prefix, uuid));
  const changed = fc
    .tuple(ids, fc.nat(29), fc.array(characters, { maxLength: 2 }))
    .map(([id, at, text]) => id.slice(0, at) + text.join('') + id.slice(at + 1));
  const readByLibrary = (id: string) => {
    try {
      const [prefix, uuid] = [getType(id as never) as string, toUUID(id as never)];
      // The library ignores overflowing bits.
      return fromUUID(uuid, prefix) === id && prefix.length === 3 ? { prefix, uuid } : null;
    } catch {
      return null;
    }
  };
  const isKnown = (id: string): boolean => ['org', 'mem', 'prj', 'usr'].includes(id.slice(0, 3));
  fc.assert(
    fc.property(fc.oneof(changed, fc.string()), (id) => {
      const decoded = decodeId(id);
      if (decoded) expect(toPublicId(decoded.prefix, decoded.uuid)).toBe(id);
      // The library reads only UUIDs of a known version.
      else expect(isKnown(id) ? readByLibrary(id) : null).toBeNull();
    }),
    { numRuns: 2_000 },
  );
});

test('the smallest and the largest UUID can be encoded and decoded', () => {
  expect(toPublicId('chk', '00000000-0000-0000-0000-000000000000')).toBe('chk_00000000000000000000000000');
  expect(toPublicId('chk', 'ffffffff-ffff-ffff-ffff-ffffffffffff')).toBe('chk_7zzzzzzzzzzzzzzzzzzzzzzzzz');
});

test('many new IDs are different UUIDv7 in ascending order, also those of several calls', () => {
  const calls = Array.from({ length: 20 }, () => newIds(1_000));
  for (const ids of calls) expect(ids).toEqual(ids.toSorted());
  const all = calls.flat();
  expect(new Set(all).size).toBe(20_000);
  for (const id of all) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
