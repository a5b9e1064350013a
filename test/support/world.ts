import type { Sql, TransactionSql } from 'postgres';
import { BUILT_IN_ROLES, type BuiltInRole } from '../../src/access/catalog.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { fromPublicId, newId, toPublicId } from '../../src/lib/ids.ts';
import type { Api, Caller, Json } from './api.ts';
import { cheapHash } from './password.ts';

export const PASSWORD = 'correct horse battery';

const HASH = cheapHash(PASSWORD);

export interface Person extends Caller {
  userId: string;
  /** Public id of the member. */
  memberId: string;
  email: string;
  refreshToken: string;
}

export interface Organization {
  id: string;
  slug: string;
  /** The user who created the organization. */
  owner: Person;
}

const SIGN_IN = `mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken refreshToken } errors { code path } } }`;
const CREATE_ORGANIZATION = `mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { organization { id } errors { code path } } }`;
const SWITCH_ORGANIZATION = `mutation ($id: ID!) { switchOrganization(input: { organizationId: $id }) { session { accessToken refreshToken } errors { code path } } }`;
const ME = `{ viewer { user { id } member { id } } }`;

/** Runs a mutation that must succeed and returns its payload. Throws an error with the whole response. */
export async function executeMutation(
  caller: Caller,
  document: string,
  variables?: Record<string, unknown>,
): Promise<Json> {
  const answer = await caller.query(document, variables);
  const [payload] = Object.values(answer.data ?? {}) as Json[];
  if (answer.errors || !payload || payload.errors?.length) throw new Error(JSON.stringify(answer, null, 1));
  return payload;
}

async function person(api: Api, email: string, session: Json): Promise<Person> {
  const caller = api.as(session.accessToken);
  const { data } = await caller.query(ME);
  return {
    ...caller,
    email,
    refreshToken: session.refreshToken,
    userId: data.viewer.user.id,
    memberId: data.viewer.member?.id ?? '',
  };
}

/** Creates a user in the database, because a sign-up computes an expensive hash. */
export async function createUser(api: Api, email: string, name = email): Promise<string> {
  const id = newId();
  await api.root`insert into users (id, email, name) values (${id}, ${email}, ${name})`;
  await api.root`insert into passwords (user_id, hash) values (${id}, ${HASH})`;
  return id;
}

/** Signs in over HTTP. */
async function beginSession(api: Api, email: string, organizationSlug?: string): Promise<Json> {
  const { session } = await executeMutation(api.as(), SIGN_IN, {
    input: { email, password: PASSWORD, organizationSlug },
  });
  return session;
}

export const signIn = async (api: Api, email: string, organization?: string): Promise<Person> =>
  person(api, email, await beginSession(api, email, organization));

/** Creates a user without an organization and signs in. */
export async function signUp(api: Api, email: string): Promise<Person> {
  await createUser(api, email);
  return signIn(api, email);
}

/** Creates a user and an organization of that user, over HTTP. */
export async function createOrganization(api: Api, slug: string): Promise<Organization> {
  const email = `owner@${slug}.test`;
  await createUser(api, email);
  const founder = api.as((await beginSession(api, email)).accessToken);
  const { organization } = await executeMutation(founder, CREATE_ORGANIZATION, { input: { name: slug, slug } });
  const { session } = await executeMutation(founder, SWITCH_ORGANIZATION, { id: organization.id });
  return { id: organization.id, slug, owner: await person(api, email, session) };
}

/** Creates a user and a member with this role in the database, without an invitation. */
export async function addMember(
  api: Api,
  organization: Organization,
  role: BuiltInRole,
  name: string = role,
): Promise<Person> {
  const email = `${name}@${organization.slug}.test`;
  await createUser(api, email, name);
  await addToOrganization(api, organization, { email }, role);
  return signIn(api, email, organization.slug);
}

/** Adds an existing user to an organization, in the database. */
export async function addToOrganization(
  api: Api,
  organization: Organization,
  { email }: { email: string },
  role: BuiltInRole,
): Promise<void> {
  const [user] = await api.root`select id from users where email = ${email}`;
  const organizationId = fromPublicId('org', organization.id) ?? '';
  const [principalId] = await insertMembers(api.root, organizationId, [user?.['id']]);
  await api.root`
    insert into assignments (organization_id, id, principal_id, built_in_role_id)
    values (${organizationId}, ${newId()}, ${principalId ?? ''}, ${roleByKey(role).id})`;
}

/** Makes users members without a role, in the database. Returns the IDs of the members. */
export async function insertMembers(sql: Sql, organizationId: string, userIds: string[]): Promise<string[]> {
  const members = userIds.map((user_id) => ({ organization_id: organizationId, id: newId(), user_id }));
  const users = await sql`select id, email, name, created_at from users where id = any(${userIds})`;
  await sql`insert into principals ${sql(members)}`;
  await sql`insert into people ${sql(users.map((user) => ({ ...user, organization_id: organizationId })))}`;
  await sql`insert into memberships ${sql(members.map(({ id, ...member }) => ({ ...member, principal_id: id })))}`;
  return members.map(({ id }) => id);
}

/** Sets the role of a user in all of their organizations, in the database. */
export async function setRole(sql: Sql | TransactionSql, email: string, role: BuiltInRole): Promise<void> {
  await sql`
    update assignments a set built_in_role_id = ${roleByKey(role).id}, role_id = null, expires_at = null,
      fallback_built_in_role_id = null, fallback_role_id = null
    from principals p join people u on u.organization_id = p.organization_id and u.id = p.user_id
    where a.organization_id = p.organization_id and a.principal_id = p.id and a.project_id is null and u.email = ${email}`;
}

export type Members = Record<BuiltInRole, Person>;

/** Creates one member for each built-in role. The creator of the organization is the Owner. */
export async function membersOfEachRole(api: Api, organization: Organization): Promise<Members> {
  const people = { owner: organization.owner } as Members;
  for (const role of BUILT_IN_ROLES) if (role !== 'owner') people[role] = await addMember(api, organization, role);
  return people;
}

const TOKEN = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret apiToken { id } errors { code path message } } }`;

/** Creates an API token of the caller over HTTP. */
export async function createApiToken(
  api: Api,
  holder: Caller,
  access: 'READ' | 'WRITE',
  expiresAt?: Date,
): Promise<Caller & { id: string }> {
  const { secret, apiToken } = await executeMutation(holder, TOKEN, {
    input: { name: `${access} token`, access, expiresAt },
  });
  return { ...api.as(secret), id: apiToken.id };
}

const KEY = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret apiKey { id } errors { code path message } } }`;

/** Creates an API key of a project over HTTP. */
export async function createApiKey(api: Api, by: Caller, input: object): Promise<Caller & { id: string }> {
  const { secret, apiKey } = await executeMutation(by, KEY, { input: { name: `Key ${newId()}`, ...input } });
  return { ...api.as(secret), id: apiKey.id };
}

export const roleId = (role: BuiltInRole): string => toPublicId('rol', roleByKey(role).id);

/**
 * Runs one mutation. Returns its payload, or the reason of a refusal as `{ refused }`. `results` is the selection of the
 * payload besides `errors`.
 */
export async function mutate(caller: Caller, name: string, input: object, results = ''): Promise<Json> {
  const type = `${name.slice(0, 1).toUpperCase()}${name.slice(1)}Input`;
  const document = `mutation ($input: ${type}!) { ${name}(input: $input) { ${results} errors { code path } } }`;
  const { data, errors } = await caller.query(document, { input });
  return errors ? { refused: errors[0].extensions.reason ?? errors[0].extensions.code } : data[name];
}

/** The input of a mutation with a member as its only field. */
export const memberInput = (mutation: string, id: string): object =>
  mutation === 'signOutMember' || mutation === 'transferOwnership' ? { memberId: id } : { id };

/** Runs a query and returns its data. Throws an error with the whole response. */
export async function queryData(caller: Caller, document: string, variables?: Record<string, unknown>): Promise<Json> {
  const answer = await caller.query(document, variables);
  if (answer.errors) throw new Error(JSON.stringify(answer, null, 1));
  return answer.data;
}

export interface Rubric {
  /** Public ids, by name. */
  categories: Record<string, string>;
  levels: Record<string, string>;
}

/** The IDs of the categories and levels of a new organization, such as Security and Bronze. */
export async function getRubric(caller: Caller): Promise<Rubric> {
  const { categories, levels } = await queryData(
    caller,
    '{ categories { nodes { id name } } levels { nodes { id name } } }',
  );
  const byName = (list: Json): Record<string, string> =>
    Object.fromEntries(list.nodes.map(({ id, name }: Json) => [name, id]));
  return { categories: byName(categories), levels: byName(levels) };
}

/** Creates a check and returns its ID. The category defaults to Security, the level to Bronze. */
export async function createCheck(
  caller: Caller,
  rubric: Rubric,
  input: Record<string, unknown> = {},
): Promise<string> {
  const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };
  const answer = await mutate(caller, 'createCheck', { name: 'A check', ...place, ...input }, 'check { id }');
  if (!answer.check) throw new Error(JSON.stringify(answer));
  return answer.check.id;
}

/**
 * Starts `work` while `change` is uncommitted in another transaction. That commits as soon as the work waits for its
 * lock, which reproduces the race each time. `meanwhile` runs before that.
 */
export async function duringChange<T>(
  api: Api,
  change: (sql: TransactionSql) => Promise<unknown>,
  work: () => Promise<T>,
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<T> {
  let result: Promise<T> | undefined;
  let settled = false;
  await api.root.begin(async (sql) => {
    await change(sql);
    result = work();
    void result.then(
      () => (settled = true),
      () => (settled = true),
    );
    while (!settled && !(await waitsForLock(api)));
    await meanwhile();
  });
  return result as Promise<T>;
}

/** Locks the row of an organization. The ID tells Citus which shard has the row. */
export async function lockOrganization(sql: Sql | TransactionSql, slug: string): Promise<void> {
  const [row] = await sql`select id from organizations where slug = ${slug}`;
  await sql`select from organizations where id = ${row?.['id']} for update`;
}

/** Whether a statement waits for a lock, on any node. */
export const waitsForLock = async (api: Api): Promise<boolean> => (await waitingForLocks(api)) > 0;

/** The number of statements that wait for a lock, on all nodes. */
export async function waitingForLocks({ nodes }: Api): Promise<number> {
  const waiting = await Promise.all(
    nodes.map(
      (node) => node`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    ),
  );
  return waiting.reduce((sum, { length }) => sum + length, 0);
}
