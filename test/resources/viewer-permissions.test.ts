import { expect, test } from 'vitest';
import { BUILT_IN_ROLES, type BuiltInRole } from '../../src/access/catalog.ts';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
  projectRoleId,
} from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { printedSchema } from '../support/generated.ts';
import { ask, checkOf, found, join, mutate, type Person, roleId, rubricOf, signIn, tokenOf } from '../support/world.ts';

const api = await startApi();
const acme = await found(api, 'acme');
const { owner } = acme;
const rubric = await rubricOf(owner);

let made = 0;
const fresh = (): string => `new ${++made}`;
const make = async (mutation: string, object: string): Promise<string> =>
  (await mutate(owner, mutation, { name: fresh() }, `${object} { id }`))[object].id;

interface Who extends Caller {
  person: Person;
  /** A token of theirs that they do not show. */
  spare: string;
}

/** A member of this role who shows this credential, which they got while they were more than that. */
async function whoHas(role: BuiltInRole, credential: 'SESSION' | 'WRITE' | 'READ'): Promise<Who> {
  const person = await join(api, acme, 'owner', fresh());
  const caller = credential === 'SESSION' ? person : await tokenOf(api, person, credential);
  const { id: spare } = await tokenOf(api, person, 'READ');
  await mutate(owner, 'updateMember', { id: person.memberId, roleId: roleId(role) });
  return { ...caller, person, spare };
}

type Try = (caller: Who, id: string) => Promise<boolean>;

/** Allowed is what no guard refuses: whether the input is good is another question. */
const may =
  (mutation: string, input: (id: string, caller: Who) => object = (id) => ({ id })): Try =>
  async (caller, id) =>
    !(await mutate(caller, mutation, input(id, caller))).refused;

const sees: Try = async (caller, id) =>
  (await ask(caller, 'query ($id: ID!) { node(id: $id) { id } }', { id })).node !== null;

/** Whether the list shows what is not the caller's own. */
const seesOthers =
  (field: string, holder: string): Try =>
  async (caller) => {
    const { data } = await caller.query(`{ ${field}(first: 500) { nodes { ${holder} { id } } } }`);
    return data[field]?.nodes.some(
      (node: Json) => ![caller.person.userId, caller.person.memberId].includes(node[holder].id),
    );
  };
const seesList =
  (field: string): Try =>
  async (caller) =>
    !(await caller.query(`{ ${field} { totalCount } }`)).errors;

const answers =
  (document: string): Try =>
  async (caller, id) =>
    !(await caller.query(document.replace('$id', id))).errors;

const credentialId = async (caller: Caller): Promise<string> =>
  (await ask(caller, '{ viewer { credential { id } } }')).viewer.credential.id;

/** Ends a session in one of the two ways that there are. */
const ends =
  (memberOf: (caller: Who) => string): Try =>
  async (caller, id) =>
    (await may('signOut', () => ({ sessionId: id }))(caller, id)) ||
    (await may('signOutMember', (memberId) => ({ memberId }))(caller, memberOf(caller)));

interface Kind {
  target: (caller: Who) => Promise<string> | string;
  tries: Record<string, Try>;
}

const crud = (resource: string, type: string, target: Kind['target']): Kind => ({
  target,
  tries: {
    [`${resource}:read`]: sees,
    [`${resource}:update`]: may(`update${type}`),
    [`${resource}:delete`]: may(`delete${type}`),
  },
});

interface Victim {
  memberId: string;
  session: string;
}

const victims = new Map<BuiltInRole, Victim>();

/** A member to act on, another one once it is spent. */
async function victimOf(role: BuiltInRole): Promise<Victim> {
  const person = victims.has(role) ? undefined : await join(api, acme, role, fresh());
  if (person) victims.set(role, { memberId: person.memberId, session: await credentialId(person) });
  return victims.get(role) as Victim;
}

const spends =
  (role: BuiltInRole, attempt: Try): Try =>
  async (caller, id) => {
    const done = await attempt(caller, id);
    if (done) victims.delete(role);
    return done;
  };

const newcomer = await join(api, acme, 'read', 'newcomer');

/** Gives the role to the newcomer, who then loses it again. */
const givesRole: Try = async (caller, id) => {
  const given = await may('updateMember', () => ({ id: newcomer.memberId, roleId: id }))(caller, id);
  await mutate(owner, 'updateMember', { id: newcomer.memberId, roleId: roleId('read') });
  return given;
};

const DATA = [allow('project:read', 'dataset:read')];

/** A project with one of everything that belongs to it. */
async function freshProject() {
  const id = await createProject(owner, `project-${++made}`);
  const inside = {
    policy: await createPolicy(owner, DATA, id),
    role: await createRole(owner, 'Own', DATA, id),
    member: await giveProjectRole(owner, id, newcomer.memberId, projectRoleId('member')),
  };
  projects.set(id, inside);
  return { id, ...inside };
}
const projects = new Map<string, { policy: string; role: string; member: string }>();

/** What belongs to the project with this id. */
const its =
  (what: 'policy' | 'role' | 'member') =>
  (id: string): { id: string } => ({ id: projects.get(id)?.[what] ?? '' });

const robots = new Map<BuiltInRole, string>();

/** A service account to act on, another one once it is spent. */
async function robotOf(role: BuiltInRole): Promise<string> {
  const id = robots.get(role) ?? (await createServiceAccount(owner, fresh(), roleId(role)));
  robots.set(role, id);
  return id;
}

const perRole = (role: BuiltInRole): Record<string, Kind> => ({
  [`a session of a member with role ${role}`]: {
    target: async () => (await victimOf(role)).session,
    tries: {
      'session:read': sees,
      'session:delete': spends(
        role,
        ends(() => victims.get(role)?.memberId ?? ''),
      ),
    },
  },
  [`a member with role ${role}`]: {
    target: async () => (await victimOf(role)).memberId,
    tries: {
      'member:read': sees,
      'member:update': may('updateMember', (id) => ({ id, roleId: roleId(role) })),
      'session:read': seesOthers('sessions', 'user'),
      'session:delete': may('signOutMember', (memberId) => ({ memberId })),
      'member:delete': spends(role, may('deleteMember')),
    },
  },
  [`the role ${role}`]: {
    target: () => roleId(role),
    tries: {
      'role:read': sees,
      'role:assign': givesRole,
    },
  },
  [`a service account with role ${role}`]: {
    target: () => robotOf(role),
    tries: {
      'service_account:read': sees,
      'service_account:update': may('updateServiceAccount', (id) => ({ id, roleId: roleId(role) })),
      'service_account:delete': async (caller, id) => {
        const done = await may('deleteServiceAccount')(caller, id);
        if (done) robots.delete(role);
        return done;
      },
    },
  },
});

/** The project of a role. */
const placeOf = new Map<string, string>();

/** With giving it tried before it is deleted. */
const withAssign = ({ target, tries }: Kind, assign: Try): Kind => ({
  target,
  tries: { 'role:assign': assign, ...tries },
});

/** What can be acted on, with everything that may be tried on it. What destroys comes last. */
const KINDS: Record<string, Kind> = {
  'the organization': {
    target: () => acme.id,
    tries: {
      'organization:read': sees,
      'organization:update': may('updateOrganization'),
      'organization:delete': may('deleteOrganization', (id) => ({ id, slug: 'not its slug' })),
      // To themselves, which changes nothing. A token that holds it is told that a person does this.
      'organization:transfer': async (caller, _id) => {
        const input = { memberId: caller.person.memberId };
        const { refused } = await mutate(caller, 'transferOwnership', input);
        return refused === undefined || refused === 'SESSION_REQUIRED';
      },
    },
  },
  // Everything that is asked there, so also what is asked about the things inside.
  'a project': {
    target: async () => (await freshProject()).id,
    tries: {
      'project:read': sees,
      'project:update': may('updateProject'),
      'project_member:read': answers('{ project(id: "$id") { members { totalCount } } }'),
      'project_member:create': may('createProjectMember', (id) => ({ projectId: id, principalId: '', noAccess: true })),
      'project_member:update': may('updateProjectMember', its('member')),
      'project_member:delete': may('deleteProjectMember', its('member')),
      'role:read': answers('{ roles(projectId: "$id") { totalCount } }'),
      'role:assign': may('createProjectMember', (id) => ({
        projectId: id,
        principalId: owner.memberId,
        roleId: its('role')(id).id,
      })),
      'role:create': may('createRole', (id) => ({ projectId: id, name: fresh(), policyIds: [] })),
      'role:update': may('updateRole', its('role')),
      'role:delete': may('deleteRole', its('role')),
      'policy:read': answers('{ policies(projectId: "$id") { totalCount } }'),
      'policy:create': may('createPolicy', (id) => ({ projectId: id, name: fresh(), statements: [] })),
      'policy:update': may('updatePolicy', its('policy')),
      'policy:delete': may('deletePolicy', its('policy')),
      'project:delete': may('deleteProject', (id) => ({ id, key: 'not its key' })),
    },
  },
  'a project role of somebody': crud('project_member', 'ProjectMember', async () => (await freshProject()).member),
  'a policy': crud('policy', 'Policy', () => createPolicy(owner, DATA)),
  'a policy of a project': crud('policy', 'Policy', async () => (await freshProject()).policy),
  'a custom role': withAssign(
    crud('role', 'Role', () => createRole(owner, fresh(), DATA)),
    givesRole,
  ),
  'a custom role of a project': withAssign(
    crud('role', 'Role', async () => {
      const { id, role } = await freshProject();
      placeOf.set(role, id);
      return role;
    }),
    async (caller, id) => {
      const place = { projectId: placeOf.get(id), principalId: owner.memberId, roleId: id };
      const made = await mutate(caller, 'createProjectMember', place, 'projectMember { id }');
      if (made.projectMember) await mutate(owner, 'deleteProjectMember', { id: made.projectMember.id });
      return !made.refused;
    },
  ),
  'an invitation': {
    target: async () => {
      const input = { emails: [`invited-${++made}@acme.test`], roleId: roleId('read') };
      return (await mutate(owner, 'createInvitations', input, 'invitations { id }')).invitations[0].id;
    },
    tries: {
      'invitation:read': sees,
      'invitation:update': may('resendInvitation'),
      'invitation:delete': may('deleteInvitation'),
    },
  },
  'the rubric': {
    target: async () => (await ask(owner, '{ rubric { id } }')).rubric.id,
    tries: { 'rubric:read': sees, 'rubric:update': may('updateRubric', () => ({})) },
  },
  'a check': crud('check', 'Check', () => checkOf(owner, rubric)),
  'a category': crud('category', 'Category', () => make('createCategory', 'category')),
  'a level': crud('level', 'Level', () => make('createLevel', 'level')),
  'somebody’s token': {
    target: async () => (await tokenOf(api, owner, 'READ')).id,
    tries: { 'api_token:read': sees, 'api_token:delete': may('deleteApiToken') },
  },
  'one’s own token': {
    target: ({ spare }) => spare,
    tries: { 'api_token:read': sees, 'api_token:delete': may('deleteApiToken') },
  },
  ...perRole('read'),
  ...perRole('admin'),
  ...perRole('owner'),
  'one’s own session': {
    target: async ({ person }) => credentialId(await signIn(api, person.email)),
    tries: { 'session:read': sees, 'session:delete': ends(({ person }) => person.memberId) },
  },
};

/** What can be done without an object, and what is done to any. */
const AT_LARGE: Record<string, Try> = {
  'member:read': seesList('members'),
  'role:read': seesList('roles'),
  'check:read': seesList('checks'),
  'category:read': seesList('categories'),
  'level:read': seesList('levels'),
  'audit_event:read': seesList('auditEvents'),
  'session:read': seesOthers('sessions', 'user'),
  'api_token:read': seesOthers('apiTokens', 'principal'),
  'check:create': may('createCheck', () => ({ name: 'New', categoryId: '', levelId: '' })),
  'category:create': may('createCategory', () => ({ name: fresh() })),
  'level:create': may('createLevel', () => ({ name: fresh() })),
  'api_token:create': may('createApiToken', () => ({ name: 'New' })),
  'api_token:grant_write': may('createApiToken', () => ({ name: 'New', access: 'WRITE' })),
  'invitation:read': seesList('invitations'),
  'invitation:create': may('createInvitations', () => ({ emails: ['no address'], roleId: roleId('read') })),
  'service_account:read': seesList('serviceAccounts'),
  'service_account:create': may('createServiceAccount', () => ({ name: fresh(), roleId: roleId('read') })),
  'policy:read': seesList('policies'),
  'policy:create': may('createPolicy', () => ({ name: fresh(), statements: DATA })),
  'role:create': may('createRole', () => ({ name: fresh(), policyIds: [] })),
  'project:create': may('createProject', () => ({ key: `made-${++made}`, name: 'New' })),
  'access:read': answers('{ whoCan(permission: "check:read") { totalCount } }'),
  'plan:read': answers('{ plan { name } }'),
  'usage:read': answers('{ usage { seats projects } }'),
  'billing:update': may('updatePlan', () => ({ plan: 'ENTERPRISE' })),
};

/** Resources that live elsewhere or come later: policies name them, and decisions are asked about them. */
const ELSEWHERE =
  'annotation_queue api_key campaign check_result dataset experiment filter golden lifecycle metric metric_collection prompt prompt_version queue_item service span sso_connection team test_case test_run thread tier trace'.split(
    ' ',
  );
const catalog: string[] = (await ask(owner, '{ permissions { name } }')).permissions.map(({ name }: Json) => name);

/** Held by roles already, and asked for by no field yet: a try for each comes with its field. */
const NOT_YET = [
  ...catalog.filter((name) => ELSEWHERE.includes(name.split(':')[0] ?? '')),
  'audit_event:export',
  'billing:read',
];

const OWN = ['one’s own token', 'one’s own session'];
const TELLING = [
  'Organization',
  'Rubric',
  'Check',
  'Category',
  'Level',
  'ApiToken',
  'Session',
  'Member',
  'Role',
  'ServiceAccount',
  'Project',
  'ProjectMember',
  'Policy',
  'Invitation',
];
const VIEWER_PERMISSIONS = `query ($id: ID!) { node(id: $id) { ${TELLING.map((type) => `... on ${type} { viewerPermissions }`).join(' ')} } }`;

test('every permission is tried here, or has no field yet', async () => {
  const tried = [AT_LARGE, ...Object.values(KINDS).map(({ tries }) => tries)].flatMap((tries) => Object.keys(tries));
  expect([...new Set([...tried, ...NOT_YET])].sort()).toEqual(catalog.toSorted());
});

test('what has no field yet is asked for by none, and every type that tells is asked', () => {
  const schema = printedSchema();
  expect(NOT_YET.filter((name) => schema.includes(`permission: "${name}"`))).toEqual([]);
  const telling = schema.split(/^(?=type )/m).filter((text) => /^type [^}]*viewerPermissions/.test(text));
  expect(telling.map((type) => type.split(' ')[1]).sort()).toEqual(TELLING.toSorted());
});

const cases = BUILT_IN_ROLES.flatMap((role) =>
  (['SESSION', 'WRITE', 'READ'] as const).map((kind) => [role, kind] as const),
);

test.each(cases)('what %s is told through %s is what is then allowed', async (role, credential) => {
  const caller = await whoHas(role, credential);
  const { viewer } = await ask(caller, '{ viewer { permissions } }');
  const known = (names: string[]): string[] => names.filter((name) => !NOT_YET.includes(name)).sort();
  const told: Record<string, string[]> = { 'at large': known(viewer.permissions) };
  const allowed: Record<string, string[]> = {};
  const granted = new Set<string>();
  for (const [kind, { target, tries }] of Object.entries(KINDS)) {
    const id = await target(caller);
    const { node } = await ask(caller, VIEWER_PERMISSIONS, { id });
    told[kind] = known(node?.viewerPermissions ?? []);
    const names = await allowedOf(tries, caller, id);
    allowed[kind] = names;
    // What is one's own needs no permission, and proves none.
    if (!OWN.includes(kind)) for (const name of names) granted.add(name);
  }
  for (const name of await allowedOf(AT_LARGE, caller, '')) granted.add(name);
  allowed['at large'] = [...granted].sort();
  expect(told).toEqual(allowed);
});

async function allowedOf(tries: Record<string, Try>, caller: Who, id: string): Promise<string[]> {
  const names = [];
  for (const [name, attempt] of Object.entries(tries)) if (await attempt(caller, id)) names.push(name);
  return names.sort();
}
