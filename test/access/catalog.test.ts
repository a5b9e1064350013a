import { describe, expect, test } from 'vitest';
import { permissionsOf } from '../../src/access/access.ts';
import { BUILT_IN_ROLES, CATALOG, PERMISSIONS, PROJECT_ROLES } from '../../src/access/catalog.ts';
import { ROLES, roleByKey } from '../../src/access/roles.ts';
import { ask, effective, PROJECT, projectRole } from './examples.ts';
import { MISSING, organizationRoleHas, projectRoleHas, SPECIFICATION, SPECIFIED_NAMES } from './naive.ts';

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

test('the specified permissions that the catalog lacks are the listed ones', () => {
  expect(SPECIFIED_NAMES.filter((name) => !PERMISSIONS.has(name))).toEqual(MISSING);
});

describe('the matrix of the built-in roles:', () => {
  const organizationHolders = (permission: string, target: string | null) =>
    BUILT_IN_ROLES.filter((key) => ask(effective({ role: roleByKey(key) }), permission, target).allowed);
  // Read is the organization role with the least, so what is seen in the project is the project role's own.
  const projectHolders = (permission: string, target: string | null) =>
    PROJECT_ROLES.filter(
      (key) => ask(effective({ projects: new Map([[PROJECT, projectRole(key)]]) }), permission, target).allowed,
    );

  test.each(SPECIFICATION)('$name is held from organization role $leastRole on', (row) => {
    const holders = BUILT_IN_ROLES.filter((key) => organizationRoleHas(key, row));
    expect(holders).toEqual(BUILT_IN_ROLES.slice(BUILT_IN_ROLES.indexOf(row.leastRole as 'read')));
    expect(organizationHolders(row.name, null)).toEqual(holders);
    expect(organizationHolders(row.name, PROJECT)).toEqual(row.level === 'organization' ? [] : holders);
  });

  test.each(SPECIFICATION)('$name is held in a project from project role $leastProjectRole on', (row) => {
    expect(projectHolders(row.name, PROJECT)).toEqual(PROJECT_ROLES.filter((key) => projectRoleHas(key, row)));
    expect(projectHolders(row.name, null)).toEqual(row.leastRole === 'read' ? PROJECT_ROLES : []);
  });

  test('project role Write has the project-level rows of organization role Write, and nothing else', () => {
    const rows = SPECIFICATION.filter((row) => row.level === 'project' && organizationRoleHas('write', row));
    expect([...projectRole('write').allow]).toEqual(rows.map((row) => row.name));
  });

  test('each organization role contains the next: Owner, Admin, Write, User, Read', () => {
    const sets = ['owner', 'admin', 'write', 'user', 'read'].map(
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
