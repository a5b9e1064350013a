import { describe, expect, test } from 'vitest';
import { permissionsOf } from '../../src/access/access.ts';
import type { Role } from '../../src/access/model.ts';
import { matchingPermissions, validatePattern } from '../../src/access/pattern.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { allow, allowedOf, customRole, deny, effective, PROJECT, projectRole } from './examples.ts';
import { reads, SPECIFICATION } from './specification.ts';

const NAMES = SPECIFICATION.map((row) => row.name);
const of = (...resources: string[]): string[] => resources.flatMap((resource) => matchingPermissions(`${resource}:*`));
const reading = (names: string[]): string[] => names.filter(reads);
const writing = (names: string[]): string[] => names.filter((name) => !reads(name));
const as = (role: Role) => effective({ role });

describe('AgentMark', () => {
  const [owner, admin, write, read] = (['owner', 'admin', 'write', 'read'] as const).map((key) =>
    as(roleByKey(key)),
  ) as [ReturnType<typeof as>, ReturnType<typeof as>, ReturnType<typeof as>, ReturnType<typeof as>];

  test('an Owner has full access and can transfer the ownership', () => {
    expect(allowedOf(owner, NAMES)).toEqual(NAMES);
    expect(allowedOf(owner, ['organization:transfer'])).toEqual(['organization:transfer']);
  });

  test('an Admin has full access to resources, settings, billing and members, but owns nothing', () => {
    const owners = ['organization:delete', 'organization:transfer'];
    expect(allowedOf(admin, NAMES)).toEqual(NAMES.filter((name) => !owners.includes(name)));
  });

  test('Write reads and writes apps, prompts, traces, experiments and datasets', () => {
    const work = of('prompt', 'prompt_version', 'trace', 'experiment', 'dataset');
    expect(allowedOf(write, work, PROJECT)).toEqual(work);
    expect(allowedOf(write, of('project'), PROJECT)).toEqual(['project:read', 'project:update']);
    expect(allowedOf(write, ['project:create'])).toEqual(['project:create']);
  });

  test('Write can manage neither members nor billing', () => {
    const managing = [...writing(of('member', 'invitation', 'role', 'policy')), ...of('billing', 'plan')];
    expect(allowedOf(write, managing)).toEqual([]);
    expect(allowedOf(write, writing(of('project_member')), PROJECT)).toEqual([]);
  });

  test('Read reads and cannot create, edit or delete anything', () => {
    for (const target of [null, PROJECT]) {
      expect(allowedOf(read, writing(NAMES), target)).toEqual([]);
      expect(permissionsOf(read, target).length).toBeGreaterThan(10);
    }
    const seen = reading(of('prompt', 'trace', 'experiment', 'dataset', 'project'));
    expect(allowedOf(read, seen, PROJECT)).toEqual(seen);
  });

  test('a custom role can view traces and run experiments, but can neither edit prompts nor manage billing', () => {
    const runner = as(customRole('Runner', allow('trace:read', 'experiment:read', 'experiment:evaluate')));
    const all = of('trace', 'experiment', 'prompt', 'prompt_version', 'billing');
    expect(allowedOf(runner, all)).toEqual(['trace:read', 'experiment:read', 'experiment:evaluate']);
  });

  test('the same by what it must not: all but editing prompts and managing billing', () => {
    const careful = as(customRole('Careful', deny('prompt:update', 'billing:*'), allow('*')));
    const all = of('trace', 'experiment', 'prompt', 'billing');
    expect(all.filter((name) => !allowedOf(careful, all).includes(name))).toEqual([
      'prompt:update',
      'billing:read',
      'billing:update',
    ]);
  });

  test('a custom role needs plan Team', () => {
    const runner = customRole('Runner', allow('trace:read', 'experiment:evaluate'));
    // Without it, the role grants what Read grants as well.
    expect(permissionsOf(effective({ plan: 'FREE', role: runner }))).toEqual(['project:read', 'trace:read']);
    expect(permissionsOf(effective({ plan: 'TEAM', role: runner }))).toContain('experiment:evaluate');
  });

  const editing = writing(of('prompt', 'trace', 'dataset'));

  test.each(['read', 'write'] as const)('a member with role %s writes in staging and reads in production', (key) => {
    const member = effective({
      role: roleByKey(key),
      projects: new Map([
        ['staging', projectRole('write')],
        ['production', projectRole('read')],
      ]),
    });
    expect(allowedOf(member, editing, 'staging')).toEqual(editing);
    expect(allowedOf(member, editing, 'production')).toEqual([]);
    for (const project of ['staging', 'production'])
      expect(allowedOf(member, ['prompt:read', 'trace:read'], project)).toEqual(['prompt:read', 'trace:read']);
  });

  test('without plan Team the role in staging gives nothing, and the one in production still takes', () => {
    const projects = new Map([
      ['staging', projectRole('write')],
      ['production', projectRole('read')],
    ]);
    const [reader, writer] = (['read', 'write'] as const).map((key) =>
      effective({ plan: 'FREE', role: roleByKey(key), projects }),
    ) as [ReturnType<typeof as>, ReturnType<typeof as>];
    expect(allowedOf(reader, editing, 'staging')).toEqual([]);
    expect(allowedOf(writer, editing, 'staging')).toEqual(editing);
    expect(allowedOf(writer, editing, 'production')).toEqual([]);
  });
});

describe('Confident AI', () => {
  const inProject = (role: Role) => effective({ projects: new Map([[PROJECT, role]]) });
  const resources = of(
    'dataset',
    'golden',
    'metric',
    'metric_collection',
    'trace',
    'span',
    'thread',
    'test_run',
  ).concat(of('test_case', 'experiment', 'prompt', 'prompt_version', 'annotation_queue', 'queue_item'));

  test('an Annotator views and edits datasets, without access to traces or test runs', () => {
    const annotator = inProject(customRole('Annotator', allow('dataset:read', 'dataset:create', 'dataset:update')));
    const page = ['dataset:create', 'dataset:read', 'dataset:update'];
    // The page does not know project:read, without which the project would be hidden.
    expect(permissionsOf(annotator, PROJECT)).toEqual(['project:read', ...page]);
    expect(allowedOf(annotator, of('trace', 'test_run'), PROJECT)).toEqual([]);
  });

  test('an Annotator of one project reads traces in another, as the organization role says', () => {
    const annotator = inProject(customRole('Annotator', allow('dataset:*')));
    expect(allowedOf(annotator, of('trace'), 'another')).toEqual(['trace:read', 'trace:read_content']);
  });

  test('an Owner has full access to the project', () => {
    const all = SPECIFICATION.filter((row) => row.leastProjectRole !== '-').map((row) => row.name);
    expect(permissionsOf(inProject(projectRole('owner')), PROJECT)).toEqual(all);
  });

  test('a Manager manages members and resources', () => {
    const managed = [...of('project_member'), ...resources];
    expect(allowedOf(inProject(projectRole('manager')), managed, PROJECT)).toEqual(managed);
    expect(allowedOf(inProject(projectRole('manager')), ['project:delete', 'role:create'], PROJECT)).toEqual([]);
  });

  test('a Member reads and writes resources, and manages nobody', () => {
    const member = inProject(projectRole('member'));
    expect(allowedOf(member, resources, PROJECT)).toEqual(resources);
    expect(allowedOf(member, writing(of('project_member', 'project', 'role', 'policy')), PROJECT)).toEqual([]);
  });

  test('not every resource has all actions', () => {
    for (const pattern of ['dataset:read', 'dataset:create', 'golden:update', 'trace:delete', 'trace:evaluate'])
      expect(validatePattern(pattern)).toBeNull();
    for (const pattern of ['dataset:project_member', 'annotation_queue:evaluate'])
      expect(validatePattern(pattern)).toContain('matches no permission');
  });
});

describe('OpsLevel', () => {
  const user = roleByKey('user');
  const admin = roleByKey('admin');
  // The two tables of the page: what there is, and N/A for creating and deleting the rubric.
  const cells = ['check', 'campaign', 'level', 'category', 'filter', 'rubric'].flatMap((resource) =>
    ['create', 'read', 'update', 'delete'].map((action) => ({ resource, action })),
  );
  const isNone = (cell: (typeof cells)[number]) =>
    cell.resource === 'rubric' && (cell.action === 'create' || cell.action === 'delete');

  test.each(cells)('$resource, $action: a User reads, an Admin does everything, by session and by token', (cell) => {
    const name = `${cell.resource}:${cell.action}`;
    const may = (role: Role, access: 'READ' | 'WRITE') => allowedOf(effective({ role }, access), [name]).length === 1;
    expect(NAMES.includes(name)).toBe(!isNone(cell));
    const reads = cell.action === 'read';
    for (const access of ['READ', 'WRITE'] as const) expect(may(user, access)).toBe(reads);
    expect(may(admin, 'WRITE')).toBe(!isNone(cell));
    expect(may(admin, 'READ')).toBe(reads);
  });

  const admins: Record<string, string[]> = {
    'manages users: invites, edits, removes them and logs them out': [
      'invitation:create',
      'member:update',
      'member:delete',
      'session:delete',
    ],
    'edits tiers and lifecycles': writing(of('tier', 'lifecycle')),
    'sees plan and usage': ['plan:read', 'usage:read'],
    'configures single sign-on': of('sso_connection'),
    'gives an API token write access': ['api_token:grant_write'],
  };

  test.each(Object.entries(admins))('an Admin %s, and a User does not', (_, names) => {
    expect(allowedOf(as(admin), names)).toEqual(names);
    expect(allowedOf(as(user), names)).toEqual([]);
  });

  test('a User creates read-only tokens and sees the other users', () => {
    const names = ['api_token:create', 'member:read', 'tier:read', 'lifecycle:read'];
    expect(allowedOf(as(user), names)).toEqual(names);
  });
});
