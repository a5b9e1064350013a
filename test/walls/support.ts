import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import type { TransactionSql } from 'postgres';
import { expect } from 'vitest';
import { fromPublicId, type IdPrefix, newId, toPublicId } from '../../src/lib/ids.ts';
import { createPolicy, createProject, giveProjectRole } from '../decisions/support.ts';
import type { Answer, Api, Caller, Json } from '../support/api.ts';
import { mutate, type Organization, roleId, tokenOf } from '../support/world.ts';

export type RootField = GraphQLField<unknown, unknown>;
export type Rule = { permission?: string; own?: true };

export const rootFields = (schema: GraphQLSchema, kind: 'Query' | 'Mutation'): RootField[] =>
  Object.values((schema.getType(kind) as GraphQLObjectType).getFields());

/** What the field asks of a caller; undefined for an open one. */
export const ruleOf = (field: RootField): Rule | undefined =>
  (field.extensions['guard'] as { rule: Rule } | undefined)?.rule;

/** Fields that are open to everyone. Edit by hand only. */
export const OPEN_FIELDS = [
  'Mutation.declineInvitation',
  'Mutation.refreshSession',
  'Mutation.signIn',
  'Mutation.signUp',
  'Query.invitationOffer',
  'Query.permissions',
  'Query.plans',
  'Query.viewer',
];

/** A value of this type that names nothing, with what is required and no more. */
export function madeUp(type: GraphQLInputType): Json {
  if (isNonNullType(type)) return madeUp(type.ofType);
  if (isListType(type)) return [madeUp(type.ofType)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) {
    if (type.isOneOf) return { id: unknownId('chk') };
    const required = Object.values(type.getFields()).filter(isRequiredInputField);
    return Object.fromEntries(required.map((field) => [field.name, madeUp(field.type)]));
  }
  const scalars: Record<string, Json> = {
    ID: unknownId('chk'),
    Int: 1,
    Float: 0.5,
    JSON: {},
    Boolean: true,
    DateTime: '2100-01-01T00:00:00Z',
  };
  return scalars[type.name] ?? 'made-up';
}

/** Asks a root field with these arguments, and with made-up ones where it needs others. */
export function operationOf(
  kind: 'Query' | 'Mutation',
  field: RootField,
  given: Record<string, Json> = {},
): [document: string, variables: Record<string, Json>] {
  const args = field.args.filter((arg) => isRequiredArgument(arg) || Object.hasOwn(given, arg.name));
  const declared = args.map((arg) => `$${arg.name}: ${arg.type}`).join(', ');
  const passed = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  const payload = kind === 'Mutation' ? '{ __typename errors { code message path } }' : '{ __typename }';
  const selection = isCompositeType(getNamedType(field.type)) ? payload : '';
  const call = `${field.name}${passed && `(${passed})`} ${selection}`;
  const variables = Object.fromEntries(args.map((arg) => [arg.name, given[arg.name] ?? madeUp(arg.type)]));
  return [`${kind.toLowerCase()} ${declared && `(${declared})`} { ${call} }`, variables];
}

/** Well formed, and of nothing. */
export const unknownId = (prefix: IdPrefix): string => toPublicId(prefix, newId());

export const uuidOf = (prefix: IdPrefix, id: string): string => fromPublicId(prefix, id) as string;

export const organizationUuid = (organization: Organization): string => uuidOf('org', organization.id);

const PLACES = `{ categories { nodes { id } } levels { nodes { id } } rubric { id } }`;

/** What `results` names of the result of a mutation that must succeed. */
export async function made(by: Caller, name: string, input: object, result: string): Promise<string> {
  const answer = await mutate(by, name, input, `${result} { id }`);
  const given = [answer[result]].flat()[0];
  if (!given) throw new Error(`${name} ${JSON.stringify(input)}: ${JSON.stringify(answer)}`);
  return given.id;
}

/** The secret in the last mail to this address: without SMTP, mail is in the log. */
export function secretFor(api: Api, email: string): string {
  const mail = api.logged.findLast((entry) => (entry['mail'] as Json)?.to === email)?.['mail'] as Json;
  const secret = /ambit_inv_[0-9a-f]{72}/.exec(mail?.text)?.[0];
  if (!secret) throw new Error(`no secret was sent to ${email}`);
  return secret;
}

export interface Furniture {
  check: string;
  category: string;
  level: string;
  rubric: string;
  project: string;
  otherProject: string;
  policy: string;
  /** A custom role of the organization. */
  role: string;
  /** Of the project. */
  projectPolicy: string;
  projectRole: string;
  projectMember: string;
  /** Has `role`, which ends, and in the project `projectRole`. */
  serviceAccount: string;
  invitation: string;
  token: Caller & { id: string };
}

const ANY = [{ effect: 'ALLOW' as const, permissions: ['dataset:read'] }];

/** Gives the organization what `found` does not: something of everything that it can have. */
export async function furnish(api: Api, { owner, slug }: Organization): Promise<Furniture> {
  const { data } = await owner.query(PLACES);
  const [category, level] = [data.categories.nodes[0].id, data.levels.nodes[0].id];
  const place = { category: { id: category }, level: { id: level }, ownerId: owner.memberId };
  const check = await made(owner, 'createCheck', { name: `Check of ${slug}`, ...place }, 'check');

  const [project, otherProject] = [await createProject(owner, 'first'), await createProject(owner, 'second')];
  const [policy, projectPolicy] = [await createPolicy(owner, ANY), await createPolicy(owner, ANY, project)];
  const roleOf = (name: string, policyId: string, projectId?: string) =>
    made(owner, 'createRole', { name, policyIds: [policyId], projectId }, 'role');
  const role = await roleOf('Reader of data', policy);
  const projectRole = await roleOf('Reader of data', projectPolicy, project);
  const term = { roleId: role, roleExpiresAt: '2100-01-01T00:00:00Z', fallbackRoleId: role };
  const serviceAccount = await made(owner, 'createServiceAccount', { name: 'Robot', ...term }, 'serviceAccount');
  const projectMember = await giveProjectRole(owner, project, serviceAccount, projectRole);
  const invited = { emails: [`guest@${slug}.test`], roleId: roleId('read') };
  const invitation = await made(owner, 'createInvitations', invited, 'invitations');

  const custom = { project, otherProject, policy, role, projectPolicy, projectRole, projectMember };
  const token = await tokenOf(api, owner, 'WRITE');
  return { check, category, level, rubric: data.rubric.id, ...custom, serviceAccount, invitation, token };
}

/** Raw SQL of the runtime role, in a transaction that is bound as a request's is. */
export function bound<T>(
  api: Api,
  { organization = '', user = '' }: { organization?: string; user?: string },
  work: (tx: TransactionSql) => Promise<T>,
): Promise<T> {
  return api.sql.begin(async (tx) => {
    await tx`select set_config('ambit.organization_id', ${organization}, true), set_config('ambit.user_id', ${user}, true)`;
    return await work(tx);
  }) as Promise<T>;
}

/** Names of the tables that hold rows of one organization, by the database's own catalog. */
export async function tenantTables(api: Api): Promise<string[]> {
  const rows = await api.root`
    select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and a.attname = 'organization_id' and a.attnotnull and not a.attisdropped
    order by 1`;
  return rows.map((row) => row['name'] as string);
}

/** Everything that the database holds, so that two moments can be compared. */
export async function dump(api: Api, except: readonly string[] = []): Promise<Record<string, unknown>> {
  const tables = await api.root`select tablename as name from pg_tables where schemaname = 'public' order by 1`;
  const names = tables.map((table) => table['name'] as string).filter((name) => !except.includes(name));
  const all: Record<string, unknown> = {};
  for (const name of names)
    all[name] = (await api.root.unsafe(`select to_jsonb(t)::text as row from ${name} t order by 1`)).map(
      (row) => row['row'],
    );
  return all;
}

const INTERNALS =
  /select |insert |update |delete |failed query|_events|constraint|relation|pg_|postgres|at \w+.*\.ts|\$1/i;

/** The answer says that it is our fault and whom to tell, and nothing else. */
export function expectMasked({ errors, headers }: Answer): void {
  const requestId = headers.get('x-request-id') as string;
  expect(errors).toHaveLength(1);
  expect(errors?.[0].extensions).toEqual({ code: 'INTERNAL' });
  expect(errors?.[0].message).toContain(requestId);
  expect(JSON.stringify(errors)).not.toMatch(INTERNALS);
}
