import { createHash } from 'node:crypto';
import postgres, { type Sql } from 'postgres';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { type CredentialRow, checkOfCredential } from '../../src/identity/across-tenants.ts';
import { DATABASE_URL, POOL } from './ready.ts';

const { CREDENTIALS } = process.env;

/** The SQL of the peers that do not generate SQL. Without enforcement: only a condition selects the organization. */
export const sql = postgres(DATABASE_URL, { max: Number(POOL) });

export interface Check {
  id: string;
  name: string;
  enabled: boolean;
  category_id: string;
  level_id: string;
  owner_id: string;
}

export interface Member {
  id: string;
  name: string;
  user: { id: string; name: string };
}

type Ids = readonly string[];

export const findChecks = (organization: string, first: number) => sql<Check[]>`
  select id, name, enabled, category_id, level_id, owner_id from checks
  where organization_id = ${organization} order by name, id limit ${first}`;

export const findCheck = async (organization: string, id: string): Promise<Check | undefined> =>
  (
    await sql<Check[]>`
      select id, name, enabled, category_id, level_id, owner_id from checks
      where organization_id = ${organization} and id = ${id}`
  )[0];

export const findCategories = (organization: string, ids: Ids): Promise<{ id: string; name: string }[]> =>
  sql`select id, name from categories where organization_id = ${organization} and id = any(${distinct(ids)})`;

export const findLevels = (organization: string, ids: Ids): Promise<{ id: string; name: string; index: number }[]> =>
  sql`select id, name, index from levels where organization_id = ${organization} and id = any(${distinct(ids)})`;

export async function findMembers(organization: string, ids: Ids): Promise<Member[]> {
  const rows = await sql<{ id: string; user_id: string; name: string }[]>`
    select p.id, u.id as user_id, u.name from principals p join users u on u.id = p.user_id
    where p.organization_id = ${organization} and p.id = any(${distinct(ids)})`;
  return rows.map(({ id, user_id, name }) => ({ id, name, user: { id: user_id, name } }));
}

const distinct = (ids: Ids): string[] => [...new Set(ids)];

/** Returns the rows in the order of the IDs. */
export function inOrder<Row extends { id: string }>(rows: Row[], ids: Ids): (Row | null)[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id) ?? null);
}

export type { CredentialRow };

const hashOf = (authorization: string): string =>
  createHash('sha256').update(authorization.slice('Bearer '.length)).digest('base64url');

/** Looks up an API token with the same database function as Ambit. */
export async function findCredential(authorization: string): Promise<CredentialRow> {
  const [row] = await sql<CredentialRow[]>`select * from ambit.find_api_token_actor(${hashOf(authorization)})`;
  if (!row) throw new Error('no such token');
  return row;
}

const known = new Map<string, CredentialRow>();

/** What the first lookup of the API token returned. It must be checked by `checkOf` before it is used. */
export async function knownCredential(authorization: string): Promise<CredentialRow> {
  const found = known.get(authorization) ?? (await findCredential(authorization));
  known.set(authorization, found);
  return found;
}

/** The statement with which Ambit checks a known API token and binds the transaction. No row if the token has changed. */
export function checkOf(on: Sql, authorization: string, credential: CredentialRow) {
  const check = checkOfCredential('API_TOKEN', hashOf(authorization), credential);
  return on.unsafe(check.text, check.values as never[], { prepare: true });
}

async function checkedCredential(authorization: string): Promise<CredentialRow> {
  const credential = await knownCredential(authorization);
  const [unchanged] = await checkOf(sql, authorization, credential);
  return unchanged ? credential : await findCredential(authorization);
}

/** The user of an API token. With CREDENTIALS=cached, it is looked up once and then only checked, as in Ambit. */
export async function findViewer(authorization: string): Promise<{ user: { name: string } }> {
  const { name } = await (CREDENTIALS === 'cached' ? checkedCredential : findCredential)(authorization);
  return { user: { name } };
}

/** The permissions of the role Read, from memory. */
export const permissions = [...PERMISSIONS.values()]
  .filter((row) => row.builtInRoles.includes('read'))
  .map(({ name }) => name);

/** The part of Ambit's schema that the documents of the bench use. */
export const typeDefs = /* GraphQL */ `
  type Query {
    checks(first: Int!): CheckConnection
    check(id: ID!): Check
    viewer: Viewer
  }
  type CheckConnection { nodes: [Check!]! }
  type Check { id: ID! name: String! enabled: Boolean! category: Category level: Level owner: Member }
  type Category { id: ID! name: String! }
  type Level { id: ID! name: String! index: Int! }
  type Member { id: ID! name: String! user: User }
  type User { id: ID name: String! }
  type Viewer { user: User permissions: [String!]! }
`;
