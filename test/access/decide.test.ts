import { describe, expect, test } from 'vitest';
import { limitedBy, permissionsOf } from '../../src/access/access.ts';
import type { Permission } from '../../src/access/catalog.ts';
import { trace } from '../../src/access/decide.ts';
import { grantsOfKey, type KeyPermissions, permissionsOfPatterns } from '../../src/access/key-role.ts';
import type { EffectiveGrants } from '../../src/access/model.ts';
import { serviceOf } from '../../src/access/ownership.ts';
import { CREATOR, compileRole, roleByKey } from '../../src/access/roles.ts';
import { REFUSAL_REASONS } from '../../src/lib/errors.ts';
import { textOf } from '../../src/resources/access/explain.ts';
import {
  allow,
  allowIfOwned,
  ask,
  customRole,
  deny,
  denyIfOwned,
  effective,
  PROJECT,
  projectRole,
} from './examples.ts';

const inProject = (
  role: Parameters<typeof effective>[0],
  own: ReturnType<typeof projectRole> | null,
): EffectiveGrants => effective({ ...role, projects: new Map([[PROJECT, own]]) });

describe('allowed, with the reason:', () => {
  test('by the organization role', () => {
    const role = roleByKey('admin');
    const decision = { allowed: true, permission: 'check:create', because: { role, in: 'organization' } };
    expect(ask(effective({ role }), 'check:create')).toEqual(decision);
  });

  test('by the organization role in a project without a project role', () => {
    const role = roleByKey('write');
    const decision = { allowed: true, permission: 'trace:create', because: { role, in: 'organization' } };
    expect(ask(effective({ role }), 'trace:create', 'another')).toEqual(decision);
  });

  test('by the project role that overrides it', () => {
    const role = projectRole('member');
    const decision = { allowed: true, permission: 'trace:create', because: { role, in: 'project' } };
    expect(ask(inProject({}, role), 'trace:create', PROJECT)).toEqual(decision);
  });

  test('by the organization role of an Admin, whatever the project role', () => {
    const role = roleByKey('admin');
    const decision = { allowed: true, permission: 'trace:create', because: { role, in: 'organization' } };
    for (const own of [null, projectRole('read'), customRole('Blind', deny('*'))])
      expect(ask(inProject({ role }, own), 'trace:create', PROJECT)).toEqual(decision);
  });
});

const EXPIRED = { role: roleByKey('admin'), at: new Date('2026-05-01T12:00:00Z') };
const CAREFUL = customRole('Careful', allow('*'), deny('*:delete'));
const ANNOTATOR = customRole('Annotator', allow('trace:*'), deny('trace:delete'));

const KEY: KeyPermissions = { name: 'ci', preset: null, permissions: ['dataset:create'] };

/** The WRITE token of an Admin, narrowed. */
const narrowed = ({ permissions, projects }: { permissions?: string[]; projects?: string[] }): EffectiveGrants => ({
  ...effective({ role: roleByKey('admin') }),
  narrowing: {
    permissions: permissions ? permissionsOfPatterns(permissions) : null,
    projects: projects ? new Set(projects) : null,
  },
});

/** Every reason that `decide` gives, at least once. */
const REFUSALS = [
  {
    title: 'the caller is bound to no organization',
    held: null,
    permission: 'check:read',
    target: null,
    reason: 'NO_ORGANIZATION',
    message: 'check:read is needed, and your credential is bound to no organization.',
    hint: 'Switch to an organization, or create one.',
  },
  {
    title: 'a permission of level organization is asked on a project, even by an Owner',
    held: effective({ role: roleByKey('owner') }),
    permission: 'check:read',
    target: PROJECT,
    reason: 'WRONG_LEVEL',
    message: 'check:read is needed, and it cannot be checked on a project.',
    hint: 'Check it on the organization.',
  },
  {
    title: 'no role grants it, and the hint names the roles that do',
    held: effective({ role: roleByKey('user') }),
    permission: 'check:create',
    target: null,
    reason: 'NO_GRANT',
    message: 'check:create is needed, and the role User does not grant it.',
    hint: 'Roles that grant it: Owner, Admin. Ask somebody who manages members to assign one of them.',
  },
  {
    title: 'neither the project role grants it nor the organization role',
    held: inProject({}, projectRole('member')),
    permission: 'project:delete',
    target: PROJECT,
    reason: 'NO_GRANT',
    message: 'project:delete is needed, and the role Member does not grant it.',
    hint: 'Roles that grant it: Owner, Admin. Ask somebody who manages members to assign one of them.',
  },
  {
    title: 'the role that granted it has expired',
    held: effective({ role: roleByKey('user'), expired: EXPIRED }),
    permission: 'check:create',
    target: null,
    reason: 'ROLE_EXPIRED',
    message: 'check:create is needed, and the role Admin, which grants it, expired on 2026-05-01T12:00:00.000Z.',
    hint: 'Ask for the role to be assigned again.',
  },
  {
    title: 'the role Admin, which no project role overrides, has expired',
    held: inProject({ expired: EXPIRED }, projectRole('read')),
    permission: 'trace:create',
    target: PROJECT,
    reason: 'ROLE_EXPIRED',
    message: 'trace:create is needed, and the role Admin, which grants it, expired on 2026-05-01T12:00:00.000Z.',
    hint: 'Ask for the role to be assigned again.',
  },
  {
    title: 'a policy of the organization role denies it',
    held: effective({ role: CAREFUL }),
    permission: 'team:delete',
    target: null,
    reason: 'DENIED',
    message: 'team:delete is needed, and policy Careful policy of role Careful denies it.',
    hint: 'A denial overrides every grant. Change the policy or the role.',
  },
  {
    title: 'a policy of the organization role denies it in every project, also to an Owner of the project',
    held: inProject({ role: CAREFUL }, projectRole('owner')),
    permission: 'trace:delete',
    target: PROJECT,
    reason: 'DENIED',
    message: 'trace:delete is needed, and policy Careful policy of role Careful denies it.',
    hint: 'A denial overrides every grant. Change the policy or the role.',
  },
  {
    title: 'a policy of the project role denies it',
    held: inProject({ role: roleByKey('write') }, ANNOTATOR),
    permission: 'trace:delete',
    target: PROJECT,
    reason: 'DENIED',
    message: 'trace:delete is needed, and policy Annotator policy of role Annotator denies it.',
    hint: 'A denial overrides every grant. Change the policy or the role.',
  },
  {
    title: 'the project role grants less than the organization role',
    held: inProject({ role: roleByKey('write') }, projectRole('read')),
    permission: 'trace:create',
    target: PROJECT,
    reason: 'OVERRIDDEN_BY_PROJECT_ROLE',
    message: 'trace:create is needed, and the project role Read does not grant it.',
    hint: 'The organization role grants it, but a project role overrides that role here. Ask for another role in this project.',
  },
  {
    title: 'there is no access to the project',
    held: inProject({ role: roleByKey('write') }, null),
    permission: 'project:read',
    target: PROJECT,
    reason: 'OVERRIDDEN_BY_PROJECT_ROLE',
    message: 'project:read is needed, and there is no access to this project.',
    hint: 'The organization role grants it, but a project role overrides that role here. Ask for another role in this project.',
  },
  {
    title: 'the plan suspends what the custom role grants beyond Read',
    held: effective({ plan: 'FREE', role: customRole('Auditor', allow('*:read')) }),
    permission: 'audit_event:read',
    target: null,
    reason: 'PLAN_LACKS',
    message: 'audit_event:read is needed, and the role that grants it is suspended by the plan FREE.',
    hint: 'The plan TEAM includes it.',
  },
  {
    title: 'the plan suspends the project role that grants more',
    held: inProject({ plan: 'FREE' }, projectRole('member')),
    permission: 'trace:create',
    target: PROJECT,
    reason: 'PLAN_LACKS',
    message: 'trace:create is needed, and the role that grants it is suspended by the plan FREE.',
    hint: 'The plan TEAM includes it.',
  },
  {
    title: 'a policy hides the project, and with it everything in it',
    held: effective({ role: customRole('Blind', allow('*'), deny('project:read')) }),
    permission: 'trace:read',
    target: PROJECT,
    reason: 'DENIED',
    message:
      'trace:read is needed, and it requires project:read on the project: project:read is needed, and policy Blind policy of role Blind denies it.',
    hint: 'A denial overrides every grant. Change the policy or the role.',
  },
  {
    title: 'the project role grants nothing of level project, so the project is hidden',
    held: inProject({ role: roleByKey('guest') }, customRole('Roles', allow('role:*'))),
    permission: 'role:read',
    target: PROJECT,
    reason: 'NO_GRANT',
    message:
      'role:read is needed, and it requires project:read on the project: project:read is needed, and the role Roles does not grant it.',
    hint: 'Roles that grant it: Owner, Admin, Write, User, Read. Ask somebody who manages members to assign one of them.',
  },
  {
    title: 'the role grants it only for services of the principal’s teams',
    held: effective({ role: customRole('Team', allowIfOwned('service:update')), teams: new Set(['our team']) }),
    permission: 'service:update',
    target: serviceOf('another team'),
    reason: 'NOT_OWNED',
    message: 'service:update is needed, and the role Team grants it only for services of the principal’s teams.',
    hint: 'Join the team that owns the service or one of its parent teams, or ask for a role without this condition.',
  },
  {
    title: 'a policy denies it for services of the principal’s teams',
    held: effective({
      role: customRole('Team', allow('service:*'), denyIfOwned('service:delete')),
      teams: new Set(['our team']),
    }),
    permission: 'service:delete',
    target: serviceOf('our team'),
    reason: 'DENIED',
    message:
      'service:delete is needed, and policy Team policy of role Team denies it for services of the principal’s teams.',
    hint: 'A denial overrides every grant. Change the policy or the role.',
  },
  {
    title: 'the token is read-only, though its holder may',
    held: effective({ role: roleByKey('owner') }, 'READ'),
    permission: 'check:create',
    target: null,
    reason: 'READ_ONLY_TOKEN',
    message: 'check:create is needed, and this API token is read-only.',
    hint: 'Use a token with WRITE access, or sign in.',
  },
  {
    title: 'the WRITE token of a member who does not hold api_token:grant_write counts as READ',
    held: limitedBy({ access: 'WRITE', isTokenOfMember: true }, effective({ role: roleByKey('write') }).grants),
    permission: 'project:create',
    target: null,
    reason: 'READ_ONLY_TOKEN',
    message:
      'project:create is needed, and this API token counts as read-only, because its member does not hold api_token:grant_write.',
    hint: 'A WRITE token counts as READ while its member does not hold api_token:grant_write. Ask for a role that grants it, or sign in.',
  },
  {
    title: 'a token that is narrowed to permissions excludes the others',
    held: narrowed({ permissions: ['dataset:*'] }),
    permission: 'trace:read',
    target: PROJECT,
    reason: 'TOKEN_NARROWED',
    message: 'trace:read is needed, and this API token is limited to other permissions.',
    hint: 'Use a token that is not limited, or create one that includes it.',
  },
  {
    title: 'a token that is narrowed to projects excludes the other projects',
    held: narrowed({ projects: [PROJECT] }),
    permission: 'dataset:read',
    target: 'another',
    reason: 'TOKEN_NARROWED',
    message: 'dataset:read is needed, and this API token is limited to other projects.',
    hint: 'Use a token that is not limited, or create one that includes it.',
  },
  {
    title: 'a token that is narrowed to projects excludes the organization',
    held: narrowed({ projects: [PROJECT] }),
    permission: 'check:read',
    target: null,
    reason: 'TOKEN_NARROWED',
    message: 'check:read is needed, and this API token is limited to projects, and so excludes the organization.',
    hint: 'Use a token that is not limited, or create one that includes it.',
  },
  {
    title: 'a token that is narrowed to permissions without project:read excludes everything in projects',
    held: narrowed({ permissions: ['role:read'] }),
    permission: 'role:read',
    target: PROJECT,
    reason: 'TOKEN_NARROWED',
    message: 'role:read is needed, and this API token excludes project:read, which everything in a project requires.',
    hint: 'Use a token that is not limited, or create one that includes it.',
  },
  {
    title: 'an API key does not grant what it was not given',
    held: { grants: grantsOfKey(KEY, PROJECT, 'ENTERPRISE'), access: 'WRITE' } as EffectiveGrants,
    permission: 'dataset:delete',
    target: PROJECT,
    reason: 'NO_GRANT',
    message: 'dataset:delete is needed, and the API key ci does not grant it.',
    hint: 'An API key has its own permissions in its project, and none elsewhere. Use another key, or sign in.',
  },
  {
    title: 'an API key grants nothing in another project',
    held: { grants: grantsOfKey(KEY, PROJECT, 'ENTERPRISE'), access: 'WRITE' } as EffectiveGrants,
    permission: 'dataset:create',
    target: 'another',
    reason: 'NO_GRANT',
    message: 'dataset:create is needed, and outside its project, an API key does not grant it.',
    hint: 'An API key has its own permissions in its project, and none elsewhere. Use another key, or sign in.',
  },
] as const;

describe('refused:', () => {
  test.each(REFUSALS)('$title', ({ title: _, held, permission, target, ...why }) => {
    expect(ask(held, permission, target)).toEqual({ allowed: false, permission, ...why });
  });

  test('a caller that is bound to no organization has no permission', () => {
    expect(permissionsOf(null)).toEqual([]);
  });

  // Add a new reason to REFUSALS or, if `decide` never gives it, to this list.
  test('every reason has an example above, except those that other functions give', () => {
    const elsewhere = [
      ...['UNKNOWN_PERMISSION', 'NO_SUCH_PRINCIPAL', 'NO_SUCH_TARGET'],
      ...['NOT_HELD', 'ORGANIZATIONS_CLOSED', 'SESSION_REQUIRED', 'ADDRESS_NOT_ALLOWED'],
      ...['PRINCIPAL_REQUIRED', 'NOT_OWN', 'INTEGRATION_DISABLED'],
    ];
    const covered = new Set<string>([...REFUSALS.map(({ reason }) => reason), ...elsewhere]);
    expect([...covered].sort()).toEqual(Object.keys(REFUSAL_REASONS).sort());
  });
});

describe('on a plan without custom roles', () => {
  const own = [allow('dataset:*', 'check:read', 'api_key:read', 'team:create'), deny('dataset:read')];

  test('a custom role grants what Read of the organization grants as well, without what it denies', () => {
    const held = effective({ plan: 'FREE', role: customRole('Own', ...own) });
    expect(permissionsOf(held)).toEqual(['api_key:read', 'check:read', 'project:read']);
    expect(permissionsOf(held, PROJECT)).toEqual(['api_key:read', 'project:read']);
  });

  test('a custom project role grants what project role Read and the organization role grant as well', () => {
    const role = customRole('Own', allow('dataset:*', 'api_key:read'));
    expect(permissionsOf(inProject({ plan: 'FREE' }, role), PROJECT)).toEqual(['project:read', 'dataset:read']);
    expect(permissionsOf(inProject({ plan: 'FREE', role: roleByKey('guest') }, role), PROJECT)).toEqual([]);
  });

  test('the steps of a decision say which role grants it as well', () => {
    const held = effective({ plan: 'FREE', role: customRole('Own', ...own) });
    expect(trace(held, 'check:read', null).steps.map(textOf)).toContain(
      'The plan FREE suspends custom roles, but the role Read grants it as well.',
    );
  });

  test('the creator of a project stays its Owner', () => {
    const created = inProject({ plan: 'FREE', role: roleByKey('write') }, CREATOR);
    expect(permissionsOf(created, PROJECT)).toEqual([...projectRole('owner').allow]);
    const given = inProject({ plan: 'FREE', role: roleByKey('write') }, projectRole('owner'));
    expect(permissionsOf(given, PROJECT)).not.toContain('project:delete');
  });
});

describe('a custom role implies project:read', () => {
  const seen = (...statements: Parameters<typeof customRole>[1][]) =>
    ask(inProject({ role: roleByKey('guest') }, customRole('Any', ...statements)), 'project:read', PROJECT).allowed;

  test.each(['dataset:read', 'dataset:create', 'project:update', 'project_member:*'])('by %s', (pattern) => {
    expect(seen(allow(pattern))).toBe(true);
  });

  test.each(['role:*', 'policy:read', 'check:*', 'project:create'])('not by %s', (pattern) => {
    expect(seen(allow(pattern))).toBe(false);
  });

  test('not by a permission that it denies, and not if it denies project:read', () => {
    expect(seen(allow('dataset:*'), deny('dataset:*'))).toBe(false);
    expect(seen(allow('dataset:*'), deny('dataset:update'))).toBe(true);
    expect(seen(allow('dataset:*'), deny('project:*'))).toBe(false);
  });

  test('and the steps of a decision name the role and the permission that imply it', () => {
    const held = inProject({ role: roleByKey('guest') }, customRole('Annotator', allow('dataset:update')));
    const texts = (permission: Permission) => trace(held, permission, PROJECT).steps.map(textOf);
    expect(texts('project:read')).toContain('Annotator (custom) implies it, because the role grants dataset:update.');
    expect(texts('dataset:update')).toContain('It also requires project:read in the project, which is allowed.');
  });
});

describe('a custom role', () => {
  const compile = (...patterns: string[]) => [...customRole('Any', allow(...patterns)).allow];

  test('is overridden by a project role even if it allows everything', () => {
    expect(ask(inProject({ role: customRole('All', allow('*')) }, null), 'trace:read', PROJECT).allowed).toBe(false);
  });

  test('grants what any of its policies allows', () => {
    const policies = ['trace:read', 'prompt:read'].map((name) => ({ name, statements: [allow(name)] }));
    const role = compileRole({ id: 'r', name: 'Reader', description: null, projectId: null, policies });
    expect([...role.allow].sort()).toEqual(['project:read', 'prompt:read', 'trace:read']);
  });

  test('grants nothing without a policy, or with an empty policy', () => {
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
  ])('ignores the stored pattern %j, which matches no row of the catalog', (pattern) => {
    expect(compile(pattern, 'check:read')).toEqual(['check:read']);
    expect(customRole('Any', allow('check:read'), deny(pattern)).deny.size).toBe(0);
  });
});
