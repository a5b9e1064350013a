import { expect, test } from 'vitest';
import { BUILT_IN_ROLES, type BuiltInRole } from '../../src/access/catalog.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
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

const credentialId = async (caller: Caller): Promise<string> =>
  (await ask(caller, '{ viewer { credential { id } } }')).viewer.credential.id;

/** Ends a session in one of the two ways that there are. */
const ends =
  (memberOf: (caller: Who) => string): Try =>
  async (caller, id) =>
    (await may('signOut', () => ({ sessionId: id }))(caller, id)) ||
    (await may('signOutMember')(caller, memberOf(caller)));

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
      'session:delete': may('signOutMember'),
      'member:delete': spends(role, may('deleteMember')),
    },
  },
  [`the role ${role}`]: {
    target: () => roleId(role),
    tries: {
      'role:read': sees,
      'role:assign': async (caller, id) => {
        const given = await may('updateMember', () => ({ id: newcomer.memberId, roleId: id }))(caller, id);
        await mutate(owner, 'updateMember', { id: newcomer.memberId, roleId: roleId('read') });
        return given;
      },
    },
  },
});

/** What can be acted on, with everything that may be tried on it. What destroys comes last. */
const KINDS: Record<string, Kind> = {
  'the organization': {
    target: () => acme.id,
    tries: {
      'organization:read': sees,
      'organization:update': may('updateOrganization'),
      'organization:delete': may('deleteOrganization', (id) => ({ id, slug: 'not its slug' })),
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
  'api_token:read': seesOthers('apiTokens', 'member'),
  'check:create': may('createCheck', () => ({ name: 'New', categoryId: '', levelId: '' })),
  'category:create': may('createCategory', () => ({ name: fresh() })),
  'level:create': may('createLevel', () => ({ name: fresh() })),
  'api_token:create': may('createApiToken', () => ({ name: 'New' })),
  'api_token:grant_write': may('createApiToken', () => ({ name: 'New', access: 'WRITE' })),
};

/** Held by roles already, and asked for by no field yet: a try for each comes with its field. */
const NOT_YET = ['organization:transfer', 'role:create', 'role:update', 'role:delete', 'audit_event:export'];

const OWN = ['one’s own token', 'one’s own session'];
const VIEWER_PERMISSIONS = `query ($id: ID!) { node(id: $id) { ${[
  'Organization',
  'Rubric',
  'Check',
  'Category',
  'Level',
  'ApiToken',
  'Session',
  'Member',
  'Role',
]
  .map((type) => `... on ${type} { viewerPermissions }`)
  .join(' ')} } }`;

test('every permission is tried here, or has no field yet', async () => {
  const { permissions } = await ask(owner, '{ permissions { name } }');
  const tried = [AT_LARGE, ...Object.values(KINDS).map(({ tries }) => tries)].flatMap((tries) => Object.keys(tries));
  expect([...new Set([...tried, ...NOT_YET])].sort()).toEqual(permissions.map(({ name }: Json) => name).sort());
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
