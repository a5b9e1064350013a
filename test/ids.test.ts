import fc from 'fast-check';
import { fromUUID } from 'typeid-js';
import { expect, test } from 'vitest';
import { decodeId, newId, toPublicId } from '../src/lib/ids.ts';

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

test('the smallest and the largest UUID can be encoded and decoded', () => {
  expect(toPublicId('chk', '00000000-0000-0000-0000-000000000000')).toBe('chk_00000000000000000000000000');
  expect(toPublicId('chk', 'ffffffff-ffff-ffff-ffff-ffffffffffff')).toBe('chk_7zzzzzzzzzzzzzzzzzzzzzzzzz');
});
