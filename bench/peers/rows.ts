import { createHash } from 'node:crypto';
import postgres from 'postgres';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { DATABASE_URL, POOL } from './ready.ts';

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

/** Looks up an API token with the same database function as Ambit. */
export async function findViewer(authorization: string): Promise<{ user: { name: string } }> {
  const hash = createHash('sha256').update(authorization.slice('Bearer '.length)).digest('base64url');
  const [row] = await sql<{ name: string }[]>`select * from ambit.find_api_token(${hash})`;
  if (!row) throw new Error('no such token');
  return { user: { name: row.name } };
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
