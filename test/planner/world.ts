import { BUILT_IN_ROLES } from '../../src/access/catalog.ts';
import { API_KEY_PRESETS } from '../../src/access/key-role.ts';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import {
  allow,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  giveProjectRole,
  giveRole,
  ifOwned,
  projectRoleId,
} from '../decisions/support.ts';
import { createSampleObjects, organizationUuid, type SampleObjects, uuidOf } from '../enforcement/support.ts';
import type { Api, Caller } from '../support/api.ts';
import { insertCredential } from '../support/credentials.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  executeMutation,
  type Members,
  membersOfEachRole,
  mutate,
  type Organization,
  type Person,
  roleId,
} from '../support/world.ts';

export interface World {
  api: Api;
  acme: Organization;
  globex: Organization;
  people: Members;
  own: SampleObjects;
  foreign: SampleObjects;
  /** A project that the callers `noAccess` and `deniedInProject` cannot read. */
  hidden: string;
  callers: Record<string, Caller>;
}

/** Texts that are hard to write as JSON, or that are special in SQL, in cursors or in an intermediate form of rows. */
export const ODD_TEXTS = [
  `it's "quoted" \\ and \\\\ again`,
  'record\u001eunit\u001fgroup\u001dfile\u001c',
  'tab\tnewline\nreturn\rbell\u0007escape\u001bdelete\u007f',
  'line\u2028paragraph\u2029end',
  'emoji 👩‍👩‍👧‍👦 🔒 𝕏',
  'שלום \u202eעולם\u202c مرحبا',
  '{"json": [1, null, "x"]} {1,2,NULL} (a,"b",) \\N',
  '</script><!-- & \u00a0\ufeff ß İ ı ﬁ e\u0301',
  '$1 $x %s _ %% null NULL true',
  `'; drop table checks; --`,
  ' leading and trailing ',
  '',
] as const;

/** Times with parts of a millisecond, before 1970, and in the first and the last year. */
const ODD_TIMES = [
  '2024-01-02T03:04:05.123456Z',
  '2024-12-31T23:59:59.999999Z',
  '1969-12-31T23:59:59.999500Z',
  '1883-11-18T12:03:57.000001Z',
  '1000-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999Z',
  '2024-02-29T12:00:00.1Z',
] as const;

export const DISTANT = '2999-01-01T00:00:00.000Z';

const cyclic = <T>(items: readonly T[], at: number): T => items[at % items.length] as T;

/** Inserts rows of a tenant table, and returns their IDs. */
async function insert(
  { root }: Api,
  organization: Organization,
  table: string,
  count: number,
  row: (at: number) => object,
): Promise<string[]> {
  const rows = Array.from({ length: count }, (_, at) => ({
    ...{ id: newId(), organization_id: organizationUuid(organization) },
    ...row(at),
  }));
  const columns = Object.keys(rows[0] ?? {}).join(', ');
  await root.unsafe(
    `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
    [JSON.stringify(rows)],
  );
  return rows.map(({ id }) => id);
}

/** Rows of every declared type with odd values, in the organization of these objects. */
async function insertOddRows(api: Api, organization: Organization, own: SampleObjects): Promise<void> {
  const add = (table: string, count: number, row: (at: number) => object) =>
    insert(api, organization, table, count, row);
  const text = (at: number): string => cyclic(ODD_TEXTS, at);
  const nullable = (at: number): string | null => (at % 3 === 0 ? null : text(at));
  const time = (at: number): string => cyclic(ODD_TIMES, at);
  const named = (at: number) => ({
    ...{ name: `${text(at)}${at}`, alias: at % 2 === 0 ? null : `alias_${at}`, description: nullable(at) },
  });
  const count = ODD_TEXTS.length;
  const categories = await add('categories', count, named);
  const scorecards = await add('scorecards', count, (at) => ({
    ...named(at),
    created_at: time(at),
    updated_at: time(at),
  }));
  const campaigns = await add('campaigns', count, (at) => ({
    ...{ name: `${text(at)}${at}`, brief: nullable(at), start_at: at % 2 === 0 ? null : time(at) },
    ...{ created_at: time(at), updated_at: time(at) },
  }));
  const others = await add('categories', count, (at) => ({
    ...{ name: `${text(at)}${at}`, scorecard_id: cyclic(scorecards.slice(2), at) },
  }));
  const levels = await add('levels', count, (at) => ({ ...named(at), index: 10 + at }));
  for (const table of ['tiers', 'lifecycles']) await add(table, count, (at) => ({ ...named(at), index: 10 + at }));
  const [first, second] = await add('teams', 2, (at) => ({ name: `Team ${at}`, description: nullable(at) }));
  const [below] = await add('teams', 1, () => ({ name: 'Below', parent_id: second }));
  const services = await add('services', 2 * count, (at) => ({
    ...{ name: `${text(at)}${at}`, description: nullable(at), owner_id: cyclic([null, first, second, below], at) },
    ...{ language: nullable(at + 1), framework: nullable(at + 2), last_deploy_at: at % 3 === 0 ? null : time(at) },
    ...{ created_at: time(at), updated_at: time(at) },
  }));
  await add('filters', count, (at) => ({
    ...{ name: `${text(at)}${at}`, description: nullable(at), connective: cyclic(['AND', 'OR'], at) },
    ...{ created_at: time(at), updated_at: time(at) },
  }));
  await add('property_definitions', count, (at) => ({
    ...named(at),
    ...{
      schema: cyclic([{ type: 'string' }, true, { const: text(at) }], at),
      created_at: time(at),
      updated_at: time(at),
    },
  }));
  const projects = [own.project, own.otherProject].map((id) => uuidOf('prj', id));
  await add('datasets', 2 * count, (at) => ({
    ...{ project_id: cyclic(projects, at), name: `${text(at)}${at}`, description: nullable(at) },
    ...{ created_at: time(at), updated_at: time(at + 1) },
  }));
  const owner = uuidOf('mem', organization.owner.memberId);
  const checks = await add('checks', 3 * count, (at) => ({
    ...{ name: at % 4 === 0 ? 'the same' : text(at), alias: at % 2 === 0 ? null : `check_${at}`, type: 'MANUAL' },
    ...{ notes: at === 1 ? 'long 🔒 "\\\n'.repeat(1_500) : nullable(at), owner_id: at % 3 === 0 ? null : owner },
    // Some categories and levels have no checks.
    ...{
      category_id: cyclic(at % 5 === 0 ? others.slice(3) : categories.slice(3), at),
      level_id: cyclic(levels.slice(2), at),
    },
    campaign_id: at % 7 === 0 ? cyclic(campaigns.slice(2), at) : null,
    ...{ enabled: at % 2 === 0, enable_on: at % 3 === 0 ? null : time(at), created_at: time(at), updated_at: time(at) },
  }));
  const integrations = await add('integrations', count, (at) => ({
    ...{ name: `${text(at)}${at}`, type: cyclic(['CUSTOM_EVENT', 'DEPLOY'], at), enabled: at % 2 === 0 },
    ...{ hash: `integration ${organization.slug} ${at}`, hint: 'abcd', last_event_at: at % 3 === 0 ? null : time(at) },
    ...{ created_at: time(at), updated_at: time(at) },
  }));
  await add('integration_events', count, (at) => ({
    ...{ integration_id: cyclic(integrations.slice(0, 2), at), payload: JSON.stringify(text(at)), size: at },
    ...{ status: cyclic(['QUEUED', 'PROCESSED', 'FAILED'], at), error: nullable(at), created_at: time(at) },
    processed_at: at % 3 === 0 ? null : time(at + 1),
  }));
  await add('service_suggestions', count, (at) => ({
    ...{ integration_id: cyclic(integrations.slice(2), at), alias: `${text(at)}${at}`, events: at },
    ...{ dismissed_at: at % 2 === 0 ? null : time(at), created_at: time(at), last_event_at: time(at + 1) },
  }));
  await add('check_results', 3 * count, (at) => ({
    ...{ service_id: cyclic(services, at), check_id: checks[at], status: cyclic(['PASSED', 'FAILED', 'PENDING'], at) },
    ...{ message: nullable(at), reported_by_id: at % 2 === 0 ? null : owner, created_at: time(at) },
    ...{ expires_at: at % 3 === 0 ? null : time(at), replaced_at: at % 2 === 0 ? null : time(at + 1) },
  }));
}

async function createObjects(api: Api, organization: Organization): Promise<SampleObjects> {
  await api.root`update organizations set plan = 'ENTERPRISE' where slug = ${organization.slug}`;
  const own = await createSampleObjects(api, organization);
  await insertOddRows(api, organization, own);
  return own;
}

/** Members with custom roles, and one whose role is reduced in a project. */
async function customCallers({ api, acme, own, hidden }: Omit<World, 'callers'>): Promise<Record<string, Person>> {
  const { owner } = acme;
  const member = (name: string, role: 'guest' | 'read' = 'guest') => addMember(api, acme, role, name);
  const custom = async (name: string, ...statements: Parameters<typeof createRole>[2]): Promise<Person> => {
    const person = await member(name);
    await giveRole(owner, person.memberId, await createRole(owner, `Role ${name}`, statements));
    return person;
  };
  const callers = {
    noCategories: await custom('noCategories', allow('*'), deny('category:*')),
    checksOnly: await custom('checksOnly', allow('check:read', 'dataset:read')),
    noMembers: await custom('noMembers', allow('*:read'), deny('member:read', 'level:read')),
    nothing: await custom('nothing', allow('team:read')),
    noAccess: await member('noAccess', 'read'),
    deniedInProject: await custom('deniedInProject', allow('*')),
    ownServices: await custom(
      'ownServices',
      allow('*:read'),
      ifOwned(allow('service:*')),
      ifOwned(deny('check_result:read')),
    ),
    onlyOwnServices: await custom('onlyOwnServices', allow('team:read', 'tier:read'), ifOwned(allow('*:read'))),
    othersServices: await custom('othersServices', allow('*'), ifOwned(deny('service:read', 'service:delete'))),
    guestInProject: await member('guestInProject'),
  };
  const denying = await createRole(owner, 'Denying', [allow('project:read'), deny('dataset:read')], own.project);
  const members = [callers.ownServices, callers.onlyOwnServices, callers.othersServices];
  const [team] = await api.root`
    select id from teams where organization_id = ${organizationUuid(acme)} and name = 'Team 1'`;
  for (const { memberId } of members)
    await api.root`insert into team_members (organization_id, id, team_id, principal_id)
      values (${organizationUuid(acme)}, ${newId()}, ${team?.['id']}, ${uuidOf('mem', memberId)})`;
  await giveProjectRole(owner, hidden, callers.noAccess.memberId, null);
  await giveProjectRole(owner, own.project, callers.deniedInProject.memberId, denying);
  await giveProjectRole(owner, own.project, callers.guestInProject.memberId, projectRoleId('member'));
  return callers;
}

/** A member whose role Admin has expired. The fallback is Guest. */
async function expiredCaller(api: Api, acme: Organization): Promise<Person> {
  const person = await addMember(api, acme, 'read', 'expired');
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const term = { roleId: roleId('admin'), roleExpiresAt: soon, fallbackRoleId: roleId('guest') };
  await giveRole(acme.owner, person.memberId, roleId('admin'), term);
  await api.root`
    update assignments set expires_at = now() - interval '1 hour'
    where project_id is null and principal_id = ${uuidOf('mem', person.memberId)}`;
  return person;
}

async function tokenOf(api: Api, by: Caller, serviceAccountId: string, access: string): Promise<Caller> {
  const document =
    'mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret errors { code path } } }';
  const input = { name: 'Robot', access, serviceAccountId };
  return api.as((await executeMutation(by, document, { input })).secret);
}

/** API tokens that are narrowed, and API keys. */
async function limitedCallers(
  { api, acme, people, own, hidden }: Omit<World, 'callers'>,
  { noAccess }: Record<string, Person>,
): Promise<Record<string, Caller>> {
  const insertIn = (holder: { memberId: string } | { projectId: string }, limits: object) =>
    insertCredential(api, { organizationId: acme.id, holder, ...limits });
  const { owner, admin } = people;
  return {
    'narrowed to a project': await insertIn(owner, { projects: [own.project] }),
    'narrowed to permissions': await insertIn(admin, { permissions: ['check:read', 'dataset:*', 'member:read'] }),
    'narrowed to both': await insertIn(owner, { permissions: ['*:read'], projects: [hidden] }),
    'narrowed to a hidden project': await insertIn(noAccess as Person, { projects: [hidden, own.project] }),
    'key with a preset': await insertIn(
      { projectId: own.project },
      { preset: 'FULL', permissions: API_KEY_PRESETS.FULL },
    ),
    'key with patterns': await insertIn({ projectId: hidden }, { access: 'READ', permissions: ['dataset:read'] }),
  };
}

/** Two organizations with rows of every declared type, and callers of every kind. */
export async function createWorld(api: Api): Promise<World> {
  const acme = await createOrganization(api, 'acme');
  const globex = await createOrganization(api, 'globex');
  const [own, foreign] = [await createObjects(api, acme), await createObjects(api, globex)];
  const hidden = own.otherProject;
  await createProject(acme.owner, 'empty');
  const people = await membersOfEachRole(api, acme);
  const world = { api, acme, globex, people, own, foreign, hidden };
  const custom = await customCallers(world);
  const expired = await expiredCaller(api, acme);
  const robot = await createServiceAccount(acme.owner, 'Reading robot', roleId('read'));
  await giveProjectRole(acme.owner, hidden, robot, null);
  const callers: Record<string, Caller> = {
    ...Object.fromEntries(BUILT_IN_ROLES.map((role) => [role, people[role]])),
    ...custom,
    expired,
    foreign: globex.owner,
    READ: await createApiToken(api, people.owner, 'READ'),
    WRITE: await createApiToken(api, people.admin, 'WRITE'),
    'READ of a reduced role': await createApiToken(api, custom.deniedInProject as Person, 'READ'),
    robot: await tokenOf(api, acme.owner, robot, 'READ'),
    'writing robot': await tokenOf(api, acme.owner, own.serviceAccount, 'WRITE'),
    ...(await limitedCallers(world, custom)),
    anonymous: api.as(),
    'wrong token': api.as('ambit_pat_wrong'),
  };
  // Checks of this member have no owner any more.
  const leaving = await addMember(api, acme, 'read', 'leaving');
  await api.root`
    update checks set owner_id = ${uuidOf('mem', leaving.memberId)}
    where organization_id = ${organizationUuid(acme)} and name = 'the same' and owner_id is null`;
  await mutate(acme.owner, 'deleteMember', { id: leaving.memberId });
  return { ...world, callers };
}

export const publicIdsOf = (prefix: string, uuids: readonly string[]): string[] =>
  uuids.map((uuid) => toPublicId(prefix, uuid));
