import { buildClientSchema, type GraphQLSchema, getIntrospectionQuery } from 'graphql';
import type { Sql, TransactionSql } from 'postgres';
import { BUILT_IN_ROLES, type BuiltInRole } from '../../src/access/catalog.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { newId, toPublicId } from '../../src/lib/ids.ts';
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
  /** Who founded it. */
  owner: Person;
}

const SIGN_IN = `mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken refreshToken } errors { code path } } }`;
const FOUND = `mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { organization { id } errors { code path } } }`;
const SWITCH = `mutation ($id: ID!) { switchOrganization(input: { organizationId: $id }) { session { accessToken refreshToken } errors { code path } } }`;
const ME = `{ viewer { user { id } member { id } } }`;

/** The one field of a mutation's answer, or an error that shows the whole answer. */
export async function done(caller: Caller, document: string, variables?: Record<string, unknown>): Promise<Json> {
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
async function createUser(api: Api, email: string, name = email): Promise<void> {
  await api.root`insert into users (id, email, name, password_hash) values (${newId()}, ${email}, ${name}, ${HASH})`;
}

/** Signs in over HTTP. */
async function beginSession(api: Api, email: string, organizationSlug?: string): Promise<Json> {
  const { session } = await done(api.as(), SIGN_IN, { input: { email, password: PASSWORD, organizationSlug } });
  return session;
}

export const signIn = async (api: Api, email: string, organization?: string): Promise<Person> =>
  person(api, email, await beginSession(api, email, organization));

/** A new account that belongs to no organization, signed in. */
export async function signUp(api: Api, email: string): Promise<Person> {
  await createUser(api, email);
  return signIn(api, email);
}

/** A new organization with its founder, over HTTP. */
export async function found(api: Api, slug: string): Promise<Organization> {
  const email = `owner@${slug}.test`;
  await createUser(api, email);
  const founder = api.as((await beginSession(api, email)).accessToken);
  const { organization } = await done(founder, FOUND, { input: { name: slug, slug } });
  const { session } = await done(founder, SWITCH, { id: organization.id });
  return { id: organization.id, slug, owner: await person(api, email, session) };
}

/** A member with this role, put in place in the database: this is no test of how people join. */
export async function join(
  api: Api,
  organization: Organization,
  role: BuiltInRole,
  name: string = role,
): Promise<Person> {
  const email = `${name}@${organization.slug}.test`;
  await createUser(api, email, name);
  await enroll(api, organization, { email }, role);
  return signIn(api, email, organization.slug);
}

/** Makes a person who exists a member of one more organization, behind the walls. */
export async function enroll(
  api: Api,
  organization: Organization,
  { email }: { email: string },
  role: BuiltInRole,
): Promise<void> {
  const [own] = await api.root`
    insert into principals (organization_id, id, user_id)
    select o.id, ${newId()}, u.id from organizations o, users u
    where o.slug = ${organization.slug} and u.email = ${email} returning organization_id, id`;
  await api.root`
    insert into assignments (organization_id, id, principal_id, built_in_role_id)
    values (${own?.['organization_id']}, ${newId()}, ${own?.['id']}, ${roleByKey(role).id})`;
}

/** Gives somebody this organization role wherever they are a member, behind the walls. */
export async function setRole(sql: Sql | TransactionSql, email: string, role: BuiltInRole): Promise<void> {
  await sql`
    update assignments a set built_in_role_id = ${roleByKey(role).id}, role_id = null, expires_at = null,
      fallback_built_in_role_id = null, fallback_role_id = null
    from principals p join users u on u.id = p.user_id
    where a.principal_id = p.id and a.project_id is null and u.email = ${email}`;
}

export type Cast = Record<BuiltInRole, Person>;

/** One member per built-in role; the founder is the Owner. */
export async function cast(api: Api, organization: Organization): Promise<Cast> {
  const people = { owner: organization.owner } as Cast;
  for (const role of BUILT_IN_ROLES) if (role !== 'owner') people[role] = await join(api, organization, role);
  return people;
}

const TOKEN = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret apiToken { id } errors { code path message } } }`;

/** An API token of this person, through the front door. */
export async function tokenOf(
  api: Api,
  holder: Caller,
  access: 'READ' | 'WRITE',
  expiresAt?: Date,
): Promise<Caller & { id: string }> {
  const { secret, apiToken } = await done(holder, TOKEN, { input: { name: `${access} token`, access, expiresAt } });
  return { ...api.as(secret), id: apiToken.id };
}

export const roleId = (role: BuiltInRole): string => toPublicId('rol', roleByKey(role).id);

/**
 * What came of one mutation: its payload, or as `{ refused }` why it was refused. `results` selects from the payload,
 * whose `errors` are always there.
 */
export async function mutate(caller: Caller, name: string, input: object, results = ''): Promise<Json> {
  const type = `${name.slice(0, 1).toUpperCase()}${name.slice(1)}Input`;
  const document = `mutation ($input: ${type}!) { ${name}(input: $input) { ${results} errors { code path } } }`;
  const { data, errors } = await caller.query(document, { input });
  return errors ? { refused: errors[0].extensions.reason ?? errors[0].extensions.code } : data[name];
}

/** The input of a mutation that takes nothing but a member. */
export const memberInput = (mutation: string, id: string): object =>
  mutation === 'signOutMember' || mutation === 'transferOwnership' ? { memberId: id } : { id };

/** The data of a query, or an error that shows the whole answer. */
export async function ask(caller: Caller, document: string, variables?: Record<string, unknown>): Promise<Json> {
  const answer = await caller.query(document, variables);
  if (answer.errors) throw new Error(JSON.stringify(answer, null, 1));
  return answer.data;
}

/** The schema as a client sees it. */
export async function schemaOf(caller: Caller): Promise<GraphQLSchema> {
  return buildClientSchema(await ask(caller, getIntrospectionQuery({ inputValueDeprecation: true })));
}

export interface Rubric {
  /** Public ids, by name. */
  categories: Record<string, string>;
  levels: Record<string, string>;
}

/** The rubric that an organization starts with: Ownership, Observability, Reliability, Security × Bronze, Silver, Gold. */
export async function rubricOf(caller: Caller): Promise<Rubric> {
  const { categories, levels } = await ask(caller, '{ categories { nodes { id name } } levels { nodes { id name } } }');
  const byName = (list: Json): Record<string, string> =>
    Object.fromEntries(list.nodes.map(({ id, name }: Json) => [name, id]));
  return { categories: byName(categories), levels: byName(levels) };
}

/** Makes a check, in Security on Bronze unless told, and gives its id. */
export async function checkOf(caller: Caller, rubric: Rubric, input: Record<string, unknown> = {}): Promise<string> {
  const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };
  const answer = await mutate(caller, 'createCheck', { name: 'A check', ...place, ...input }, 'check { id }');
  if (!answer.check) throw new Error(JSON.stringify(answer));
  return answer.check.id;
}

/**
 * Starts `work` while `change` stands in an open transaction of somebody else, which commits as soon as the work waits
 * for it: the worst moment of a race, every time.
 */
export async function duringChange<T>(
  api: Api,
  change: (sql: TransactionSql) => Promise<unknown>,
  work: () => Promise<T>,
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
    const waits = async (): Promise<boolean> =>
      (
        await api.root`
          select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      ).length > 0;
    while (!settled && !(await waits()));
  });
  return result as Promise<T>;
}
