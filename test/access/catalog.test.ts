import { describe, expect, test } from 'vitest';
import { permissionsOf } from '../../src/access/access.ts';
import { BUILT_IN_ROLES, CATALOG, PERMISSIONS, PROJECT_ROLES } from '../../src/access/catalog.ts';
import { ROLES, roleByKey } from '../../src/access/roles.ts';
import { ask, effective, PROJECT, projectRole } from './examples.ts';
import { organizationRoleHas, projectRoleHas, SPECIFICATION } from './specification.ts';

test('the catalog says what the specification says, row by row', () => {
  const rows = CATALOG.map(([name, level, leastRole, leastProjectRole, description]) => ({
    name,
    level,
    leastRole,
    leastProjectRole: leastProjectRole ?? '-',
    description,
  }));
  expect(rows).toEqual(SPECIFICATION);
  expect(rows).toHaveLength(SPECIFICATION.length);
  expect([...PERMISSIONS.keys()]).toEqual(SPECIFICATION.map((row) => row.name));
});

describe('the matrix of the built-in roles:', () => {
  const organizationHolders = (permission: string, target: string | null) =>
    BUILT_IN_ROLES.filter((key) => ask(effective({ role: roleByKey(key) }), permission, target).allowed);
  // Guest grants nothing in a project, so what is allowed in the project is the project role's own.
  const inProject = (key: string) =>
    effective({ role: roleByKey('guest'), projects: new Map([[PROJECT, projectRole(key)]]) });
  const projectHolders = (permission: string, target: string | null) =>
    PROJECT_ROLES.filter((key) => ask(inProject(key), permission, target).allowed);

  test.each(SPECIFICATION)('$name is held from organization role $leastRole on', (row) => {
    const holders = BUILT_IN_ROLES.filter((key) => organizationRoleHas(key, row));
    expect(holders).toEqual(BUILT_IN_ROLES.slice(BUILT_IN_ROLES.indexOf(row.leastRole as 'read')));
    expect(organizationHolders(row.name, null)).toEqual(holders);
    expect(organizationHolders(row.name, PROJECT)).toEqual(row.level === 'organization' ? [] : holders);
  });

  test.each(SPECIFICATION)('$name is held in a project from project role $leastProjectRole on', (row) => {
    expect(projectHolders(row.name, PROJECT)).toEqual(PROJECT_ROLES.filter((key) => projectRoleHas(key, row)));
    expect(projectHolders(row.name, null)).toEqual(row.leastRole === 'guest' ? PROJECT_ROLES : []);
  });

  test('project role Write has the project-level rows of organization role Write and all of project role Read', () => {
    const rows = SPECIFICATION.filter((row) => row.level === 'project' && organizationRoleHas('write', row));
    const expected = new Set([...rows.map((row) => row.name), ...projectRole('read').allow]);
    expect(new Set<string>(projectRole('write').allow)).toEqual(expected);
    expect([...expected]).toEqual(expect.arrayContaining(['role:read', 'policy:read', 'trace:create']));
  });

  test('Guest reads the organization and nothing else, in the organization and in a project', () => {
    expect(permissionsOf(effective({ role: roleByKey('guest') }))).toEqual(['organization:read']);
    expect(permissionsOf(effective({ role: roleByKey('guest') }), PROJECT)).toEqual([]);
  });

  test('each organization role contains the next: Owner, Admin, Write, User, Read, Guest', () => {
    const sets = ['owner', 'admin', 'write', 'user', 'read', 'guest'].map(
      (key) => new Set(permissionsOf(effective({ role: roleByKey(key as 'read') }))),
    );
    expect(sets[0]?.size).toBe(SPECIFICATION.length);
    for (const [at, set] of sets.slice(1).entries()) {
      expect(set.isSubsetOf(sets[at] ?? new Set())).toBe(true);
      expect(set.size).toBeLessThan(sets[at]?.size ?? 0);
    }
  });

  test('each project role contains the next: Owner, Manager, Member, Read', () => {
    const sets = ['owner', 'manager', 'member', 'read'].map((key) => projectRole(key).allow);
    for (const [at, set] of sets.slice(1).entries()) {
      expect(set.isSubsetOf(sets[at] ?? new Set())).toBe(true);
      expect(set.size).toBeLessThan(sets[at]?.size ?? 0);
    }
  });

  test('no project role grants what Admin of the organization lacks, so nobody is widened beyond Admin', () => {
    for (const role of ROLES.filter((one) => one.scope === 'project'))
      expect([...role.allow].filter((name) => !roleByKey('admin').allow.has(name))).toEqual([]);
  });
});

test.each(['', ':', 'constructor', '__proto__', 'check:*', '*', 'CHECK:READ', 'check:read ', 'check', 'check:read:x'])(
  'there is no permission %j, and not even an Owner holds it',
  (name) => {
    expect(PERMISSIONS.has(name)).toBe(false);
    for (const target of [null, PROJECT])
      expect(ask(effective({ role: roleByKey('owner') }), name, target).allowed).toBe(false);
  },
);
