import { describe, expect, test } from 'vitest';
import { permissionsOf } from '../../src/access/access.ts';
import type { EffectiveGrants } from '../../src/access/model.ts';
import { REFUSAL_REASONS } from '../../src/access/reasons.ts';
import { compileRole, roleByKey } from '../../src/access/roles.ts';
import { allow, ask, customRole, deny, holding, PROJECT, projectRole } from './holdings.ts';

const inProject = (role: Parameters<typeof holding>[0], own: ReturnType<typeof projectRole> | null): EffectiveGrants =>
  holding({ ...role, projects: new Map([[PROJECT, own]]) });

describe('allowed, and why:', () => {
  test('by the organization role', () => {
    const role = roleByKey('admin');
    const decision = { allowed: true, permission: 'check:create', because: { role, in: 'organization' } };
    expect(ask(holding({ role }), 'check:create')).toEqual(decision);
  });

  test('by the organization role in a project, where there is no project role', () => {
    const role = roleByKey('write');
    const decision = { allowed: true, permission: 'trace:create', because: { role, in: 'organization' } };
    expect(ask(holding({ role }), 'trace:create', 'another')).toEqual(decision);
  });

  test('by the project role that stands in its place', () => {
    const role = projectRole('member');
    const decision = { allowed: true, permission: 'trace:create', because: { role, in: 'project' } };
    expect(ask(inProject({}, role), 'trace:create', PROJECT)).toEqual(decision);
  });

  test('by the organization role of an Admin, whatever project role there is', () => {
    const role = roleByKey('admin');
    const decision = { allowed: true, permission: 'trace:create', because: { role, in: 'organization' } };
    for (const own of [null, projectRole('read'), customRole('Blind', deny('*'))])
      expect(ask(inProject({ role }, own), 'trace:create', PROJECT)).toEqual(decision);
  });
});

const ENDED = { role: roleByKey('admin'), at: new Date('2026-05-01T12:00:00Z') };
const CAREFUL = customRole('Careful', allow('*'), deny('*:delete'));
const ANNOTATOR = customRole('Annotator', allow('trace:*'), deny('trace:delete'));

/** Every reason that `decide` gives, at least once. */
const REFUSALS = [
  {
    title: 'who is bound to no organization may do nothing',
    held: null,
    permission: 'check:read',
    target: null,
    reason: 'NO_ORGANIZATION',
    message: 'check:read is needed, and you are bound to no organization.',
    hint: 'Switch to an organization, or create one.',
  },
  {
    title: 'what is about the organization cannot be asked on a project, not even by an Owner',
    held: holding({ role: roleByKey('owner') }),
    permission: 'check:read',
    target: PROJECT,
    reason: 'WRONG_LEVEL',
    message: 'check:read is needed, and it cannot be asked on a project.',
    hint: 'Ask it on the organization.',
  },
  {
    title: 'no role grants it, and these would',
    held: holding({ role: roleByKey('user') }),
    permission: 'check:create',
    target: null,
    reason: 'NO_GRANT',
    message: 'check:create is needed, and the role User does not grant it.',
    hint: 'Roles that grant it: Owner, Admin. Ask who manages the members for one of them.',
  },
  {
    title: 'neither the project role grants it nor the organization role',
    held: inProject({}, projectRole('member')),
    permission: 'project:delete',
    target: PROJECT,
    reason: 'NO_GRANT',
    message: 'project:delete is needed, and the role Member does not grant it.',
    hint: 'Roles that grant it: Owner, Admin. Ask who manages the members for one of them.',
  },
  {
    title: 'the role that granted it has ended',
    held: holding({ role: roleByKey('user'), expired: ENDED }),
    permission: 'check:create',
    target: null,
    reason: 'ENDED',
    message: 'check:create is needed, and the role Admin, which grants it, ended on 2026-05-01T12:00:00.000Z.',
    hint: 'Ask for the role to be given again.',
  },
  {
    title: 'the role of an Admin, whom nothing narrowed, has ended',
    held: inProject({ expired: ENDED }, projectRole('read')),
    permission: 'trace:create',
    target: PROJECT,
    reason: 'ENDED',
    message: 'trace:create is needed, and the role Admin, which grants it, ended on 2026-05-01T12:00:00.000Z.',
    hint: 'Ask for the role to be given again.',
  },
  {
    title: 'a policy of the organization role denies it',
    held: holding({ role: CAREFUL }),
    permission: 'team:delete',
    target: null,
    reason: 'DENIED',
    message: 'team:delete is needed, and policy Careful policy of role Careful denies it.',
    hint: 'A denial outweighs every grant: the policy has to change, or the role.',
  },
  {
    title: 'a policy of the organization role denies it in every project, also to an Owner of the project',
    held: inProject({ role: CAREFUL }, projectRole('owner')),
    permission: 'trace:delete',
    target: PROJECT,
    reason: 'DENIED',
    message: 'trace:delete is needed, and policy Careful policy of role Careful denies it.',
    hint: 'A denial outweighs every grant: the policy has to change, or the role.',
  },
  {
    title: 'a policy of the project role denies it',
    held: inProject({ role: roleByKey('write') }, ANNOTATOR),
    permission: 'trace:delete',
    target: PROJECT,
    reason: 'DENIED',
    message: 'trace:delete is needed, and policy Annotator policy of role Annotator denies it.',
    hint: 'A denial outweighs every grant: the policy has to change, or the role.',
  },
  {
    title: 'the project role grants less than the organization role',
    held: inProject({ role: roleByKey('write') }, projectRole('read')),
    permission: 'trace:create',
    target: PROJECT,
    reason: 'NARROWED',
    message: 'trace:create is needed, and the project role Read does not grant it.',
    hint: 'The organization role would grant it, but a project role stands in its place: ask for another one in this project.',
  },
  {
    title: 'there is no access to the project',
    held: inProject({ role: roleByKey('write') }, null),
    permission: 'project:read',
    target: PROJECT,
    reason: 'NARROWED',
    message: 'project:read is needed, and there is no access to this project.',
    hint: 'The organization role would grant it, but a project role stands in its place: ask for another one in this project.',
  },
  {
    title: 'the custom role is frozen by the plan',
    held: holding({ plan: 'FREE', role: customRole('Auditor', allow('*:read')) }),
    permission: 'check:read',
    target: null,
    reason: 'PLAN_LACKS',
    message: 'check:read is needed, and what grants it is frozen on the plan FREE.',
    hint: 'The plan TEAM has it.',
  },
  {
    title: 'the project role that would widen is frozen by the plan',
    held: inProject({ plan: 'FREE' }, projectRole('member')),
    permission: 'trace:create',
    target: PROJECT,
    reason: 'PLAN_LACKS',
    message: 'trace:create is needed, and what grants it is frozen on the plan FREE.',
    hint: 'The plan TEAM has it.',
  },
  {
    title: 'the token is read-only, though its holder may',
    held: holding({ role: roleByKey('owner') }, 'READ'),
    permission: 'check:create',
    target: null,
    reason: 'READ_ONLY_TOKEN',
    message: 'check:create is needed, and this API token is read-only.',
    hint: 'Use a token with WRITE access, or sign in.',
  },
] as const;

describe('refused:', () => {
  test.each(REFUSALS)('$title', ({ title: _, held, permission, target, ...why }) => {
    expect(ask(held, permission, target)).toEqual({ allowed: false, permission, ...why });
  });

  test('bound to no organization, nothing may be done at all', () => {
    expect(permissionsOf(null)).toEqual([]);
  });

  // A new reason wants its sentence above, or its place here when `decide` cannot give it.
  test('every reason is among these, but those that are given elsewhere', () => {
    const elsewhere = ['UNKNOWN_PERMISSION', 'NO_SUCH_PRINCIPAL', 'NO_SUCH_TARGET', 'NOT_HELD', 'SESSION_REQUIRED'];
    const told = new Set<string>([...REFUSALS.map(({ reason }) => reason), ...elsewhere]);
    expect([...told].sort()).toEqual(Object.keys(REFUSAL_REASONS).sort());
  });
});

describe('a custom role', () => {
  const compile = (...patterns: string[]) => [...customRole('Any', allow(...patterns)).allow];

  test('is not narrowed less than others because it allows everything', () => {
    expect(ask(inProject({ role: customRole('All', allow('*')) }, null), 'trace:read', PROJECT).allowed).toBe(false);
  });

  test('joins its policies', () => {
    const policies = ['trace:read', 'prompt:read'].map((name) => ({ name, statements: [allow(name)] }));
    const role = compileRole({ id: 'r', name: 'Reader', description: null, projectId: null, policies });
    expect([...role.allow].sort()).toEqual(['prompt:read', 'trace:read']);
  });

  test('without a policy, or with one that says nothing, grants nothing', () => {
    expect(compileRole({ id: 'r', name: 'Empty', description: null, projectId: null, policies: [] }).allow.size).toBe(
      0,
    );
    expect(compile()).toEqual([]);
  });

  test.each([
    'retired:read',
    'dataset:read:all',
    'dataset:*:all',
    'data*:read',
    'dataset',
    'dataset:',
    '',
    '__proto__',
  ])('is not moved by the stored pattern %j, which is no row of the catalog (any more)', (pattern) => {
    expect(compile(pattern, 'trace:read')).toEqual(['trace:read']);
    expect(customRole('Any', allow('trace:read'), deny(pattern)).deny.size).toBe(0);
  });
});
