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
import { unknownId } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { createFixtures, ordinaryInput } from '../support/fixtures.ts';
import { printedSchema } from '../support/generated.ts';
import {
  createMutationOf,
  isOfProject,
  leafFields,
  listsOf,
  mutationNamed,
  nodeTypes,
  permissionOf,
  toInput,
} from '../support/introspect.ts';
import type { Input } from '../support/resource.ts';
import { RESOURCES } from '../support/resources.ts';
import { long } from '../support/size.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  mutate,
  type Person,
  queryData,
  roleId,
  signIn,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const fixtures = createFixtures(api, acme, 'reported');

let made = 0;
const fresh = (): string => `new ${++made}`;

interface Who extends Caller {
  person: Person;
  /** Another token of the caller. */
  spare: string;
}

/** A member with this role and this credential, which was created with a higher role. */
async function whoHas(role: BuiltInRole, credential: 'SESSION' | 'WRITE' | 'READ'): Promise<Who> {
  const person = await addMember(api, acme, 'owner', fresh());
  const caller = credential === 'SESSION' ? person : await createApiToken(api, person, credential);
  const { id: spare } = await createApiToken(api, person, 'READ');
  await mutate(owner, 'updateMember', { id: person.memberId, roleId: roleId(role) });
  return { ...caller, person, spare };
}

type Try = (caller: Who, id: string) => Promise<boolean>;

/** An operation counts as allowed if no guard refuses it, also if its input is invalid. */
const may =
  (mutation: string, input: (id: string, caller: Who) => Input = (id) => ({ id })): Try =>
  async (caller, id) =>
    !(await mutate(caller, mutation, toInput(mutation, input(id, caller)))).refused;

const sees: Try = async (caller, id) =>
  (await queryData(caller, 'query ($id: ID!) { node(id: $id) { id } }', { id })).node !== null;

/** Whether the list contains objects that are not the caller's own. */
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

/** An object that is not visible to the caller is null. */
const answers =
  (document: string): Try =>
  async (caller, id) => {
    const { data, errors } = await caller.query(document.replace('$id', id));
    return !errors && Object.values(data).every((value) => value !== null);
  };

const credentialId = async (caller: Caller): Promise<string> =>
  (await queryData(caller, '{ viewer { credential { id } } }')).viewer.credential.id;

/** Ends a session by one of the two mutations. */
const ends =
  (memberOf: (caller: Who) => string): Try =>
  async (caller, id) =>
    (await may('signOut', () => ({ sessionId: id }))(caller, id)) ||
    (await may('signOutMember', (memberId) => ({ memberId }))(caller, memberOf(caller)));

interface Kind {
  target: (caller: Who) => Promise<string> | string;
  tries: Record<string, Try>;
}

/** The permission of the resource, such as `service_account:read`. */
const permission = (type: string, verb: string): string =>
  `${type.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()}:${verb}`;

const crud = (type: string, target: Kind['target'] = () => fixtures.make(type)): Kind => ({
  target,
  tries: {
    [permission(type, 'read')]: sees,
    [permission(type, 'update')]: may(`update${type}`),
    [permission(type, 'delete')]: may(`delete${type}`),
  },
});

/** Types with create, update and delete mutations only. */
const PARTICULAR = ['Organization', 'Project', 'ProjectMember', 'Role', 'ServiceAccount'];
const plain = nodeTypes.filter(
  (type) =>
    ['create', 'update', 'delete'].every((verb) => mutationNamed(`${verb}${type}`)) && !PARTICULAR.includes(type),
);
const ofProjects = plain.filter(isOfProject);

interface Victim {
  memberId: string;
  session: string;
}

const victims = new Map<BuiltInRole, Victim>();

/** Returns the target member, or a new one after it was removed. */
async function victimOf(role: BuiltInRole): Promise<Victim> {
  const person = victims.has(role) ? undefined : await addMember(api, acme, role, fresh());
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

const newcomer = await addMember(api, acme, 'read', 'newcomer');

const DATA = [allow('project:read', 'dataset:read')];

/** A project with one object of each type in it. */
async function freshProject() {
  const id = await createProject(owner, `project-${++made}`);
  const inside = {
    policy: await createPolicy(owner, DATA, id),
    role: await createRole(owner, 'Own', DATA, id),
    member: await giveProjectRole(owner, id, newcomer.memberId, projectRoleId('member')),
    ...(await ofEach(id)),
  };
  projects.set(id, inside);
  return { id, ...inside };
}
const projects = new Map<string, Record<string, string>>();

/** One object of each type that always belongs to a project. */
async function ofEach(projectId: string): Promise<Record<string, string>> {
  const made: Record<string, string> = {};
  for (const type of ofProjects) made[type] = await fixtures.make(type, { projectId });
  return made;
}

/** The objects in the project with this ID. */
const its =
  (what: string) =>
  (id: string): { id: string } => ({ id: projects.get(id)?.[what] ?? '' });

const robots = new Map<BuiltInRole, string>();

/** Returns the target service account, or a new one after it was deleted. */
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

/** The permissions on types of a project, which are checked in the project. */
const inProject: Record<string, Try> = Object.fromEntries(
  ofProjects.flatMap(
    (type) =>
      [
        [permission(type, 'read'), (caller, id) => sees(caller, its(type)(id).id)],
        [
          permission(type, 'create'),
          async (caller, projectId) => {
            const input = { ...(await ordinaryInput(fixtures, type)), projectId };
            return !(await mutate(caller, createMutationOf(type), toInput(createMutationOf(type), input))).refused;
          },
        ],
        [permission(type, 'update'), may(`update${type}`, its(type))],
        [permission(type, 'delete'), may(`delete${type}`, its(type))],
      ] satisfies [string, Try][],
  ),
);

/** The targets with all operations on them. Deletions come last. */
const KINDS: Record<string, Kind> = {
  'the organization': {
    target: () => acme.id,
    tries: {
      'organization:read': sees,
      'organization:update': may('updateOrganization'),
      'organization:delete': may('deleteOrganization', (id) => ({ id, slug: 'not its slug' })),
      // The transfer to oneself changes nothing. A token with the permission gets SESSION_REQUIRED.
      'organization:transfer': async (caller, _id) => {
        const input = { memberId: caller.person.memberId };
        const { refused } = await mutate(caller, 'transferOwnership', input);
        return refused === undefined || refused === 'SESSION_REQUIRED';
      },
    },
  },
  // All permissions that are checked in the project, also for the objects in it.
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
      'role:create': may('createRole', (id) => ({ projectId: id, name: fresh(), policyIds: [] })),
      'role:update': may('updateRole', its('role')),
      'role:delete': may('deleteRole', its('role')),
      'policy:read': answers('{ policies(projectId: "$id") { totalCount } }'),
      'policy:create': may('createPolicy', (id) => ({ projectId: id, name: fresh(), statements: [] })),
      'policy:update': may('updatePolicy', its('policy')),
      'policy:delete': may('deletePolicy', its('policy')),
      ...inProject,
      'project:delete': may('deleteProject', (id) => ({ id, key: 'not its key' })),
    },
  },
  'a project role of somebody': crud('ProjectMember', async () => (await freshProject()).member),
  'a policy of a project': crud('Policy', async () => (await freshProject()).policy),
  'a custom role': crud('Role', () => createRole(owner, fresh(), DATA)),
  // Nobody but an Owner may update or delete it, although others have the permission.
  'a custom role that grants everything': crud('Role', () => createRole(owner, fresh(), [allow('*')])),
  'a custom role of a project': crud('Role', async () => (await freshProject()).role),
  'an invitation': {
    target: () => fixtures.make('Invitation', { roleId: roleId('read') }),
    tries: {
      'invitation:read': sees,
      'invitation:update': may('resendInvitation'),
      'invitation:delete': may('deleteInvitation'),
    },
  },
  'the rubric': {
    target: async () => (await queryData(owner, '{ rubric { id } }')).rubric.id,
    tries: { 'rubric:read': sees, 'rubric:update': may('updateRubric', () => ({})) },
  },
  ...Object.fromEntries(plain.map((type) => [`a ${type}`, crud(type)])),
  'a check result': { target: () => fixtures.one('CheckResult'), tries: { 'check_result:read': sees } },
  // Only an Owner revokes it.
  'a token of an Owner': {
    target: async () => (await createApiToken(api, owner, 'READ')).id,
    tries: { 'api_token:read': sees, 'api_token:delete': may('deleteApiToken') },
  },
  'a token of a member': {
    target: async () => (await createApiToken(api, await addMember(api, acme, 'user', fresh()), 'READ')).id,
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

/** The lists with a permission and the create mutations of types of the organization. */
const LISTS_AND_CREATES: Record<string, Try> = Object.fromEntries(
  nodeTypes
    .filter((type) => !isOfProject(type))
    .flatMap((type): [string, Try][] => {
      const lists = listsOf(type).filter(({ extensions }) => !(extensions['guard'] as Json)?.rule.own);
      const create = permissionOf(mutationNamed(createMutationOf(type)));
      const attempt: Try = async (caller) =>
        !(
          await mutate(
            caller,
            createMutationOf(type),
            toInput(createMutationOf(type), await ordinaryInput(fixtures, type)),
          )
        ).refused;
      return [
        ...lists.map((list): [string, Try] => [permissionOf(list) ?? '', seesList(list.name)]),
        ...(create && RESOURCES[type]?.create ? [[create, attempt] as [string, Try]] : []),
      ];
    }),
);

/** Operations without a target, or with an arbitrary target. */
const AT_LARGE: Record<string, Try> = {
  ...LISTS_AND_CREATES,
  'session:read': seesOthers('sessions', 'user'),
  'invitation:create': may('createInvitations', () => ({ emails: [], roleId: roleId('guest') })),
  'api_token:read': seesOthers('apiTokens', 'principal'),
  'api_token:grant_write': may('createApiToken', () => ({ name: 'New', access: 'WRITE' })),
  'access:read': answers('{ whoCan(permission: "check:read") { totalCount } }'),
  'check_result:create': may('reportCheckResult', () => ({
    ...{ check: { id: unknownId('chk') }, service: { id: unknownId('svc') }, status: 'PASSED' },
  })),
  'plan:read': answers('{ plan { name } }'),
  'usage:read': answers('{ usage { seats projects } }'),
  'billing:read': answers('{ organization { billing { plan } } }'),
  'billing:update': may('updatePlan', () => ({ plan: 'ENTERPRISE' })),
};

const catalog: string[] = (await queryData(owner, '{ permissions { name } }')).permissions.map(
  ({ name }: Json) => name,
);
const tried = new Set(
  [AT_LARGE, ...Object.values(KINDS).map(({ tries }) => tries)].flatMap((tries) => Object.keys(tries)),
);

/** Permissions of roles that no field requires. They can be used in policies and in `authorize`. */
const NOT_YET = catalog.filter((name) => !tried.has(name));
const OWN = ['one’s own token', 'one’s own session'];
const TELLING = nodeTypes.filter((type) => leafFields(type).includes('viewerPermissions'));
const VIEWER_PERMISSIONS = `query ($id: ID!) { node(id: $id) { ${TELLING.map((type) => `... on ${type} { viewerPermissions }`).join(' ')} } }`;

test('these tests cover every permission to create, read, update or delete a type of the schema', () => {
  const changes = (type: string): string[] =>
    ['create', 'read', 'update', 'delete']
      .map((verb) => permission(type, verb))
      .filter((name) => catalog.includes(name));
  expect([...tried].filter((name) => !catalog.includes(name))).toEqual([]);
  expect(nodeTypes.flatMap(changes).filter((name) => !tried.has(name))).toEqual([]);
});

test('no field requires a permission that these tests do not cover', () => {
  const schema = printedSchema();
  expect(NOT_YET.filter((name) => schema.includes(`permission: "${name}"`))).toEqual([]);
});

const cases = BUILT_IN_ROLES.flatMap((role) =>
  (['SESSION', 'WRITE', 'READ'] as const).map((kind) => [role, kind] as const),
);

/** A seventh of the kinds for each role and credential, so that all are covered together; all kinds in a long run. */
function kindsFor(role: BuiltInRole, credential: (typeof cases)[number][1]): [string, Kind][] {
  const part = BUILT_IN_ROLES.indexOf(role) + ['SESSION', 'WRITE', 'READ'].indexOf(credential);
  return Object.entries(KINDS).filter((_, at) => long || at % 7 === part % 7);
}

test.each(cases)('viewerPermissions of %s with %s are exactly the allowed operations', async (role, credential) => {
  const caller = await whoHas(role, credential);
  const { viewer } = await queryData(caller, '{ viewer { permissions } }');
  const known = (names: string[]): string[] => names.filter((name) => !NOT_YET.includes(name)).sort();
  const reported: Record<string, string[]> = {};
  const allowed: Record<string, string[]> = {};
  const granted = new Set<string>();
  for (const [kind, { target, tries }] of kindsFor(role, credential)) {
    const id = await target(caller);
    const { node } = await queryData(caller, VIEWER_PERMISSIONS, { id });
    reported[kind] = known(node?.viewerPermissions ?? []);
    const names = await allowedOf(tries, caller, id);
    allowed[kind] = names;
    // Operations on one's own objects need no permission.
    if (!OWN.includes(kind)) for (const name of names) granted.add(name);
  }
  for (const name of await allowedOf(AT_LARGE, caller, '')) granted.add(name);
  expect(reported).toEqual(allowed);
  // Some permissions belong to one kind only, which the sample may lack.
  const proved = known(viewer.permissions).filter((name) => long || granted.has(name) || name in AT_LARGE);
  expect(proved).toEqual([...granted].sort());
});

async function allowedOf(tries: Record<string, Try>, caller: Who, id: string): Promise<string[]> {
  const names = [];
  for (const [name, attempt] of Object.entries(tries)) if (await attempt(caller, id)) names.push(name);
  return names.sort();
}
