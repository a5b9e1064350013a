import type { Sql } from 'postgres';
import { roleByKey } from '../../src/access/roles.ts';
import { newId } from '../../src/lib/ids.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import { type Amounts, USUAL } from './amounts.ts';
import { fill } from './fill.ts';

export interface Organization {
  id: string;
  /** API tokens of members with read access, in turn. */
  readTokens: string[];
  /** API token of an Admin. */
  writeToken: string;
  checkIds: string[];
  categoryIds: string[];
  levelIds: string[];
}

const KINDS = [
  'organization',
  'user',
  'principal',
  'category',
  'level',
  'check',
  'assignment',
  'role',
  'policy',
  'rubric',
] as const;
type Kind = (typeof KINDS)[number];

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** Returns the ID of the `n`th row of a kind: a UUIDv7, in the order of creation. `fill.ts` does the same in SQL. */
export function idOf(kind: Kind, organization: number, n: number): string {
  const digits = `${hex(n, 8)}00007${hex(KINDS.indexOf(kind), 3)}8${hex(organization, 15)}`;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Fills a migrated database. Must run as superuser. */
export async function seed(sql: Sql, given: Partial<Amounts>): Promise<Organization[]> {
  const amounts = { ...USUAL, ...given };
  // Disables triggers and foreign keys. The data is valid, and 20,000 organizations take seconds.
  await sql`set session_replication_role = replica`;
  await sql`set synchronous_commit = off`;
  await fill(sql, amounts, { read: roleByKey('read').id, admin: roleByKey('admin').id });
  const numbers = Array.from({ length: amounts.organizations }, (_, at) => at);
  const organizations = numbers.map((at) => described(at, amounts));
  for (const [at, organization] of organizations.entries()) await insertTokens(sql, at, organization);
  await sql`vacuum (analyze)`;
  await sql`checkpoint`;
  return organizations;
}

function described(at: number, { checks, members, tokensPerMember }: Amounts): Organization {
  const ids = (kind: Kind, count: number): string[] => Array.from({ length: count }, (_, n) => idOf(kind, at, n));
  return {
    id: idOf('organization', at, 0),
    readTokens: Array.from({ length: members * tokensPerMember }, () => newSecret('ambit_pat_')),
    writeToken: newSecret('ambit_pat_'),
    checkIds: ids('check', checks),
    categoryIds: ids('category', 5),
    levelIds: ids('level', 4),
  };
}

/** The first member is the Admin and gets the write token. The other members get the read tokens in turn. */
async function insertTokens(sql: Sql, at: number, organization: Organization): Promise<void> {
  const members = await sql<{ id: string }[]>`
    select id from principals where organization_id = ${organization.id} order by id`;
  const holders = members.slice(1).map(({ id }) => id);
  const rows = organization.readTokens.map((secret, n) => ({
    organization_id: organization.id,
    id: newId(),
    principal_id: holders[n % holders.length] ?? '',
    name: `bench ${at} ${n}`,
    access: 'READ',
    hash: hashSecret(secret),
  }));
  const write = { principal_id: members[0]?.id ?? '', access: 'WRITE', hash: hashSecret(organization.writeToken) };
  const all = [...rows, { ...rows[0], ...write, id: newId(), name: 'write' }];
  await sql`insert into api_tokens ${sql(all as never)}`;
  await sql`insert into organization_secrets ${sql(all as never, 'hash', 'organization_id')}`;
}
