import fc from 'fast-check';
import { expect, test } from 'vitest';
import { API_KEY_PRESETS } from '../../src/access/key-role.ts';
import type { Role } from '../../src/access/model.ts';
import { ROLES } from '../../src/access/roles.ts';
import { decodeId, newId, toPublicId } from '../../src/lib/ids.ts';
import { type AnyRole, naiveAnswer, signedIn, type Target, TEAMS, type World } from '../access/naive.ts';
import { callers, NAMES, PROJECTS, SERVICES, storedStatement, teamWorlds } from '../access/worlds.ts';
import type { Caller, Json } from '../support/api.ts';
import { insertCredential } from '../support/credentials.ts';
import { size } from '../support/size.ts';
import { addMember } from '../support/world.ts';
import { createProject, startWorld } from './support.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;
const subject = await addMember(api, acme, 'admin', 'subject');
// A token has the permissions that its holder has at the time of each request.
const token = await insertCredential(api, { organizationId: acme.id, holder: { memberId: subject.memberId } });

const organizationId = decodeId(acme.id)?.uuid ?? '';
const principalId = decodeId(subject.memberId)?.uuid ?? '';
const projects = new Map<string | null, string | undefined>([[null, undefined]]);
for (const key of [...PROJECTS, 'open']) projects.set(key, await createProject(owner, key));
const key = await insertCredential(api, {
  organizationId: acme.id,
  holder: { projectId: projects.get('lab') as string },
  permissions: [],
});
const teamIds = new Map(Object.keys(TEAMS).map((team) => [team, newId()]));
for (const [team, parent] of Object.entries(TEAMS))
  await api.root`insert into teams (organization_id, id, name, parent_id)
    values (${organizationId}, ${teamIds.get(team) ?? ''}, ${team}, ${parent && (teamIds.get(parent) ?? '')})`;
/** A service of each team and one without an owner, by public ID. */
const services = new Map(SERVICES.map((target) => [toPublicId('svc', newId()), target]));
for (const [publicId, { ownerId }] of services)
  await api.root`insert into services (organization_id, id, name, owner_id)
    values (${organizationId}, ${decodeId(publicId)?.uuid ?? ''}, ${publicId}, ${ownerId && (teamIds.get(ownerId) ?? '')})`;

const uuidOf = (project: string): string => decodeId(projects.get(project) ?? '')?.uuid ?? '';

const builtIn = (key: string, scope: Role['scope']): string =>
  ROLES.find((role) => role.scope === scope && role.builtIn === key)?.id ?? '';

/** Inserts a role with SQL, because the API rejects invalid patterns. */
async function insertRole(
  role: AnyRole | null,
  scope: 'organization' | 'project',
): Promise<[builtIn: string | null, custom: string | null]> {
  if (role === null) return [null, null];
  if (typeof role === 'string') return [builtIn(role, scope), null];
  const roleId = newId();
  await api.root`insert into roles (organization_id, id, name) values (${organizationId}, ${roleId}, ${roleId})`;
  for (const { statements } of role) {
    const id = newId();
    await api.root`insert into policies (organization_id, id, name, statements) values (${organizationId}, ${id}, ${id}, ${api.root.json(statements.map(storedStatement) as never)})`;
    await api.root`insert into role_policies (organization_id, role_id, policy_id) values (${organizationId}, ${roleId}, ${id})`;
  }
  return [null, roleId];
}

const HOUR = 3_600_000;

async function applyWorld({ plan, organization, projects: own, teams = [], now }: World): Promise<void> {
  await api.root`update organizations set plan = ${plan} where id = ${organizationId}`;
  await api.root`delete from assignments where principal_id = ${principalId}`;
  await api.root`delete from team_members where principal_id = ${principalId}`;
  for (const team of teams)
    await api.root`insert into team_members (organization_id, id, team_id, principal_id)
      values (${organizationId}, ${newId()}, ${teamIds.get(team) ?? ''}, ${principalId})`;
  const [role, custom] = await insertRole(organization.role, 'organization');
  const expires = organization.expiresAt !== null;
  const [fallback, customFallback] = expires ? await insertRole(organization.fallback, 'organization') : [null, null];
  const expiresAt = expires ? new Date(Date.now() + ((organization.expiresAt ?? 0) <= now ? -HOUR : HOUR)) : null;
  await api.root`insert into assignments (organization_id, id, principal_id, built_in_role_id, role_id, expires_at, fallback_built_in_role_id, fallback_role_id)
    values (${organizationId}, ${newId()}, ${principalId}, ${role}, ${custom}, ${expiresAt}, ${fallback}, ${customFallback})`;
  for (const { id, role: projectRole, ofCreator = false } of own) {
    const [inProject, customInProject] = await insertRole(projectRole, 'project');
    await api.root`insert into assignments (organization_id, id, principal_id, project_id, built_in_role_id, role_id, of_creator)
      values (${organizationId}, ${newId()}, ${principalId}, ${uuidOf(id)}, ${inProject}, ${customInProject}, ${ofCreator})`;
  }
}

/** The caller with the credential of the world. */
async function callerIn({ access, isTokenOfMember, narrowed, key: given }: World): Promise<Caller> {
  if (given) {
    const permissions = given.preset ? API_KEY_PRESETS[given.preset] : given.permissions;
    await api.root`update api_tokens set access = ${access}, project_id = ${uuidOf(given.project)}, preset = ${given.preset},
      permissions = ${permissions as string[]} where id = ${key.uuid}`;
    return key;
  }
  if (access === 'WRITE' && !isTokenOfMember) return subject;
  await api.root`update api_tokens set access = ${access}, permissions = ${narrowed?.permissions ?? null},
    project_ids = ${narrowed?.projects?.map(uuidOf) ?? null} where id = ${token.uuid}`;
  return token;
}

const AUTHORIZE = 'query ($requests: [AuthorizationRequest!]!) { authorize(requests: $requests) { allowed } }';
const MATRIX =
  'query ($target: ID) { accessMatrix(targetId: $target, first: 50) { nodes { principal { id } entries { permission allowed } } } }';
const WHO =
  'query ($permission: Permission!, $target: ID) { whoCan(permission: $permission, targetId: $target) { nodes { id } } }';

/** Guarded fields with their permissions. */
const GUARDED = {
  auditEvents: 'audit_event:read',
  checks: 'check:read',
  members: 'member:read',
  invitations: 'invitation:read',
  serviceAccounts: 'service_account:read',
};

const PROJECT_LIST = '{ projects(first: 50) { totalCount nodes { id viewerPermissions } } }';
const OF_PROJECTS = ['project:read', 'project:update', 'project:delete'];

const SERVICE_LIST = '{ services(first: 50) { totalCount nodes { id viewerPermissions } } }';
const ON_SERVICES = ['service:read', 'service:update', 'service:delete'];
const ASKED = [...ON_SERVICES, 'check_result:read', 'check_result:create', 'service:create', 'team:read'];

/** Compares the list of services, their permissions and the answers about them with a naive implementation. */
async function expectSameOnServices(
  caller: Caller,
  may: (name: string, service: Target) => boolean,
  mayHolder: (name: string, service: Target) => boolean,
): Promise<void> {
  const { data } = await caller.query(SERVICE_LIST);
  const visible = [...services].filter(([, service]) => may('service:read', service));
  const listed = data.services ?? { totalCount: 0, nodes: [] };
  expect(listed.nodes.map(({ id }: Json) => id).toSorted()).toEqual(visible.map(([id]) => id).toSorted());
  expect(listed.totalCount).toBe(visible.length);
  for (const { id, viewerPermissions } of listed.nodes)
    expect(viewerPermissions).toEqual(ON_SERVICES.filter((name) => may(name, services.get(id) as Target)));
  const ids = [...services.keys()];
  const { data: found } = await caller.query(
    `{ ${ids.map((id, at) => `s${at}: service(id: "${id}") { id }`).join(' ')} }`,
  );
  expect(ids.filter((_, at) => found[`s${at}`] !== null)).toEqual(visible.map(([id]) => id));
  const questions = [...services].flatMap(([id, service]) => ASKED.map((name) => ({ id, service, name })));
  const asked = await owner.query(AUTHORIZE, {
    requests: questions.map(({ id, name }) => ({ permission: name, targetId: id, principalId: subject.memberId })),
  });
  expect(asked.data.authorize.map(({ allowed }: Json) => allowed)).toEqual(
    questions.map(({ name, service }) => mayHolder(name, service)),
  );
  const [id = '', service = null] = [...services][1] ?? [];
  const who = await owner.query(WHO, { permission: 'service:update', target: id });
  expect(who.data.whoCan.nodes.some((node: Json) => node.id === subject.memberId)).toBe(
    mayHolder('service:update', service),
  );
}

test('authorize, permissionsOf, whoCan, accessMatrix and the guards agree with a naive implementation', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(callers, teamWorlds), fc.constantFrom(...NAMES), async (given, sample) => {
      // A session is not narrowed.
      const world = given.narrowed ? { ...given, isTokenOfMember: true } : given;
      await applyWorld(world);
      const caller = await callerIn(world);
      const holder = { ...signedIn(world), key: null };
      const may = (name: string, project: Target, as = world): boolean => naiveAnswer(as, name, project).allowed;
      for (const [project, target] of projects) {
        // For a caller that cannot read it, a project does not exist.
        const exists = project === null || may('project:read', project);
        const expected = NAMES.map((name) => exists && may(name, project));
        const { data } = await caller.query(AUTHORIZE, {
          requests: NAMES.map((permission) => ({ permission, targetId: target })),
        });
        expect(data.authorize.map(({ allowed }: Json) => allowed)).toEqual(expected);
        const own = await caller.query('query ($target: ID) { permissionsOf(targetId: $target) }', { target });
        expect(own.data.permissionsOf).toEqual(exists ? NAMES.filter((_, at) => expected[at]) : null);

        const matrix = await owner.query(MATRIX, { target });
        const row = matrix.data.accessMatrix.nodes.find(({ principal }: Json) => principal.id === subject.memberId);
        expect(row.entries.map(({ allowed }: Json) => allowed)).toEqual(
          NAMES.map((name) => may(name, project, holder)),
        );
        const who = await owner.query(WHO, { permission: sample, target });
        expect(who.data.whoCan.nodes.some(({ id }: Json) => id === subject.memberId)).toBe(
          may(sample, project, holder),
        );
      }
      await expectSameOnServices(
        caller,
        (name, service) => may(name, service),
        (name, service) => may(name, service, holder),
      );
      const document = `{ ${Object.keys(GUARDED)
        .map((field) => `${field} { totalCount }`)
        .join(' ')} }`;
      const { data } = await caller.query(document);
      const seen = Object.keys(GUARDED).filter((field) => data[field] !== null);
      const visible = [...projects].filter(([project]) => project !== null && may('project:read', project));
      const listed = await caller.query(PROJECT_LIST);
      const page = visible.length > 0 || may('project:read', null) ? listed.data.projects : { nodes: [] };
      expect(page.nodes.map(({ id }: Json) => id).toSorted()).toEqual(visible.map(([, id]) => id).toSorted());
      for (const { id, viewerPermissions } of page.nodes) {
        const [project = null] = visible.find(([, one]) => one === id) ?? [];
        const shown = OF_PROJECTS.filter((name) => may(name, project));
        expect(viewerPermissions.filter((name: string) => OF_PROJECTS.includes(name)).toSorted()).toEqual(
          shown.toSorted(),
        );
      }
      expect(seen).toEqual(Object.entries(GUARDED).flatMap(([field, name]) => (may(name, null) ? [field] : [])));
    }),
    { numRuns: size(15, 40), endOnFailure: true },
  );
});
