import { expect, test } from 'vitest';
import { permissionsOf, unrestricted } from '../../src/access/access.ts';
import { differenceIn } from '../../src/access/change.ts';
import { allowedIn } from '../../src/access/decide.ts';
import type { Grants } from '../../src/access/model.ts';
import { ROLES, roleByKey } from '../../src/access/roles.ts';

/** A change of a plan compares the permissions of every principal in each of its projects. */
const projectRole = (key: string) => ROLES.find((role) => role.scope === 'project' && role.builtIn === key) ?? null;
const grants = (more: Partial<Grants> = {}): Grants => ({
  plan: 'TEAM',
  role: roleByKey('read'),
  expired: null,
  projects: new Map([
    ['one', projectRole('member')],
    ['two', projectRole('member')],
    ['closed', null],
  ]),
  teams: new Set(),
  validUntil: Number.POSITIVE_INFINITY,
  ...more,
});
const held = unrestricted(grants());

test('the permissions of the same roles are computed once', () => {
  for (const scope of [null, 'one', 'closed', 'elsewhere'])
    expect(allowedIn(unrestricted(grants()), scope)).toBe(allowedIn(held, scope));
  expect(allowedIn(held, 'one')).toBe(allowedIn(held, 'two'));
  expect(allowedIn(held, 'one')).not.toEqual(allowedIn(held, 'elsewhere'));
  expect(allowedIn(held, 'closed')).toEqual([]);
  expect(differenceIn('one', held, unrestricted(grants()))).toEqual({ gained: [], lost: [] });
});

test('the plan, the role and the credential each have their own list', () => {
  const free = unrestricted(grants({ plan: 'FREE' }));
  expect(differenceIn('one', free, held).gained).toContain('dataset:create');
  expect(differenceIn('one', held, free).lost).toContain('dataset:create');
  expect(allowedIn({ ...held, access: 'READ' }, 'one')).toEqual(
    allowedIn(held, 'one').filter((name) => /:read(_content)?$/.test(name)),
  );
  const expired = unrestricted(grants({ expired: { role: roleByKey('admin'), at: new Date() } }));
  expect(allowedIn(expired, null)).toEqual(allowedIn(held, null));
  expect(allowedIn(null, null)).toEqual([]);
});

test('a caller cannot change the list', () => {
  permissionsOf(held, 'one').pop();
  expect(permissionsOf(held, 'one')).toEqual(allowedIn(held, 'one'));
});
