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
import type { Api, ApiResponse, Caller, Json } from '../support/api.ts';
import { createApiToken, mutate, type Organization, roleId } from '../support/world.ts';

export type RootField = GraphQLField<unknown, unknown>;
export type Rule = { permission?: string; own?: true };

export const rootFields = (schema: GraphQLSchema, kind: 'Query' | 'Mutation'): RootField[] =>
  Object.values((schema.getType(kind) as GraphQLObjectType).getFields());

/** The access rule of the field; undefined for a public one. */
export const ruleOf = (field: RootField): Rule | undefined =>
  (field.extensions['guard'] as { rule: Rule } | undefined)?.rule;

/** Public fields. Edit by hand only. */
export const PUBLIC_FIELDS = [
  'Mutation.declineInvitation',
  'Mutation.refreshSession',
  'Mutation.signIn',
  'Mutation.signUp',
  'Query.invitationOffer',
  'Query.permissions',
  'Query.plans',
  'Query.viewer',
];

/** A value of this type with the required fields only, and unknown IDs. */
export function arbitraryValue(type: GraphQLInputType): Json {
  if (isNonNullType(type)) return arbitraryValue(type.ofType);
  if (isListType(type)) return [arbitraryValue(type.ofType)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) {
    if (type.isOneOf) return { id: unknownId('chk') };
    const required = Object.values(type.getFields()).filter(isRequiredInputField);
    return Object.fromEntries(required.map((field) => [field.name, arbitraryValue(field.type)]));
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

/** An operation of a root field with these arguments, and arbitrary values for other required ones. */
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
  const variables = Object.fromEntries(args.map((arg) => [arg.name, given[arg.name] ?? arbitraryValue(arg.type)]));
  return [`${kind.toLowerCase()} ${declared && `(${declared})`} { ${call} }`, variables];
}

/** A well-formed ID of no object. */
export const unknownId = (prefix: IdPrefix): string => toPublicId(prefix, newId());

export const uuidOf = (prefix: IdPrefix, id: string): string => fromPublicId(prefix, id) as string;

export const organizationUuid = (organization: Organization): string => uuidOf('org', organization.id);

const EXISTING = `{ categories { nodes { id } } levels { nodes { id } } rubric { id } }`;

/** Runs a mutation that must succeed, and returns the ID of the first object in `result`. */
export async function createAndGetId(by: Caller, name: string, input: object, result: string): Promise<string> {
  const answer = await mutate(by, name, input, `${result} { id }`);
  const given = [answer[result]].flat()[0];
  if (!given) throw new Error(`${name} ${JSON.stringify(input)}: ${JSON.stringify(answer)}`);
  return given.id;
}

/** The secret in the last mail to this address. Without SMTP, mail is written to the log. */
export function secretFor(api: Api, email: string): string {
  const mail = api.logged.findLast((entry) => (entry['mail'] as Json)?.to === email)?.['mail'] as Json;
  const secret = /ambit_inv_[0-9a-f]{72}/.exec(mail?.text)?.[0];
  if (!secret) throw new Error(`no secret was sent to ${email}`);
  return secret;
}

export interface SampleObjects {
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
  /** Has `role`, which expires, and `projectRole` in the project. */
  serviceAccount: string;
  invitation: string;
  token: Caller & { id: string };
}

const ANY = [{ effect: 'ALLOW' as const, permissions: ['dataset:read'] }];

/** Creates one object of each type that a new organization lacks. */
export async function createSampleObjects(api: Api, { owner, slug }: Organization): Promise<SampleObjects> {
  const { data } = await owner.query(EXISTING);
  const [category, level] = [data.categories.nodes[0].id, data.levels.nodes[0].id];
  const place = { category: { id: category }, level: { id: level }, ownerId: owner.memberId };
  const check = await createAndGetId(owner, 'createCheck', { name: `Check of ${slug}`, ...place }, 'check');

  const [project, otherProject] = [await createProject(owner, 'first'), await createProject(owner, 'second')];
  const [policy, projectPolicy] = [await createPolicy(owner, ANY), await createPolicy(owner, ANY, project)];
  const roleOf = (name: string, policyId: string, projectId?: string) =>
    createAndGetId(owner, 'createRole', { name, policyIds: [policyId], projectId }, 'role');
  const role = await roleOf('Reader of data', policy);
  const projectRole = await roleOf('Reader of data', projectPolicy, project);
  const term = { roleId: role, roleExpiresAt: '2100-01-01T00:00:00Z', fallbackRoleId: role };
  const serviceAccount = await createAndGetId(
    owner,
    'createServiceAccount',
    { name: 'Robot', ...term },
    'serviceAccount',
  );
  const projectMember = await giveProjectRole(owner, project, serviceAccount, projectRole);
  const invited = { emails: [`invited@${slug}.test`], roleId: roleId('read') };
  const invitation = await createAndGetId(owner, 'createInvitations', invited, 'invitations');

  const custom = { project, otherProject, policy, role, projectPolicy, projectRole, projectMember };
  const token = await createApiToken(api, owner, 'WRITE');
  return { check, category, level, rubric: data.rubric.id, ...custom, serviceAccount, invitation, token };
}

/** Runs SQL as the runtime role, in a transaction with this binding. */
export function withBinding<T>(
  api: Api,
  { organization = '', user = '' }: { organization?: string; user?: string },
  work: (tx: TransactionSql) => Promise<T>,
): Promise<T> {
  return api.sql.begin(async (tx) => {
    await tx`select ambit.bind(${organization}, ${user})`;
    return await work(tx);
  }) as Promise<T>;
}

/** Names of the tenant tables, from the database's catalog. */
export async function tenantTables(api: Api): Promise<string[]> {
  const rows = await api.root`
    select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and a.attname = 'organization_id' and a.attnotnull and not a.attisdropped
    order by 1`;
  return rows.map((row) => row['name'] as string);
}

/** All rows by table, to compare two moments. */
export async function dumpRows(api: Api, except: readonly string[] = []): Promise<Record<string, unknown>> {
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

/** Expects an internal error with the request ID and without details. */
export function expectMasked({ errors, headers }: ApiResponse): void {
  const requestId = headers.get('x-request-id') as string;
  expect(errors).toHaveLength(1);
  expect(errors?.[0].extensions).toEqual({ code: 'INTERNAL' });
  expect(errors?.[0].message).toContain(requestId);
  expect(JSON.stringify(errors)).not.toMatch(INTERNALS);
}
