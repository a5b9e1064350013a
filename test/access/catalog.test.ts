import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BUILT_IN_ROLES, type BuiltInRole, CATALOG, PERMISSIONS, type Permission } from '../../src/access/catalog.ts';
import { decide, heldPermissions, holdsAll } from '../../src/access/decide.ts';
import { ROLES, roleByKey } from '../../src/access/roles.ts';

/** The specification of the built-in roles. Edited by hand, by somebody who means to change who may do what. */
const [, ...SPECIFICATION] = readFileSync('test/golden/permissions.tsv', 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split('\t'));

const RESOURCES = new Set(CATALOG.map(([name]) => name.split(':')[0]));

test('the catalog says of each permission what the specification says, row by row', () => {
  const specified = SPECIFICATION.filter(([name]) => RESOURCES.has(name?.split(':')[0] ?? ''));
  const rows = CATALOG.map(([name, level, role, projectRole, description]) => [
    name,
    level,
    role,
    projectRole ?? '-',
    description,
  ]);
  expect(rows).toEqual(specified.map((row) => row.slice(0, 5)));
});

test.each(SPECIFICATION.filter(([name]) => PERMISSIONS.has(name ?? '')))('%s is held from role %3$s on', (...row) => {
  const [name, , least] = row as unknown as [Permission, string, BuiltInRole];
  const held = BUILT_IN_ROLES.filter((role) => decide({ role: roleByKey(role), access: 'WRITE' }, name).allowed);
  expect(held).toEqual(BUILT_IN_ROLES.slice(BUILT_IN_ROLES.indexOf(least)));
});

describe('decide', () => {
  const grants = (role: BuiltInRole, access: 'READ' | 'WRITE') => ({ role: roleByKey(role), access });

  test('refuses everything to who is bound to no organization', () => {
    expect(heldPermissions(null)).toEqual([]);
    expect(decide(null, 'check:read')).toMatchObject({ allowed: false, reason: 'NO_ORGANIZATION' });
  });

  test('says which role allowed', () => {
    expect(decide(grants('admin', 'WRITE'), 'check:create')).toMatchObject({
      allowed: true,
      because: { role: { key: 'admin' } },
    });
  });

  test('says that no role grants, and which roles would', () => {
    expect(decide(grants('user', 'WRITE'), 'check:create')).toEqual({
      allowed: false,
      permission: 'check:create',
      reason: 'NO_GRANT',
      message: 'check:create is needed, and your role User does not grant it.',
      hint: 'Roles that grant it: Owner, Admin. Ask who manages the members for one of them.',
    });
  });

  test('lets a read-only token do nothing but read, whoever holds it', () => {
    const held = heldPermissions(grants('owner', 'READ'));
    expect(held.length).toBeGreaterThan(0);
    expect(held.filter((name) => !name.endsWith(':read'))).toEqual([]);
    expect(decide(grants('owner', 'READ'), 'check:create')).toMatchObject({
      allowed: false,
      reason: 'READ_ONLY_TOKEN',
    });
  });

  test.each(['', 'constructor', '__proto__', 'check:*', '*', 'CHECK:READ', 'check:read ', 'check', 'check:read:x'])(
    'knows no permission %j',
    (name) => {
      expect(PERMISSIONS.has(name)).toBe(false);
      expect(decide(grants('owner', 'WRITE'), name as Permission).allowed).toBe(false);
    },
  );

  test('a role may be given by who holds everything that it grants, and by nobody else', () => {
    for (const giver of ROLES)
      for (const given of ROLES)
        expect(holdsAll(grants(giver.key, 'WRITE'), given)).toBe(given.permissions.isSubsetOf(giver.permissions));
    expect(ROLES.some((role) => holdsAll(grants('owner', 'READ'), role) && role.key !== 'read')).toBe(false);
  });
});
