import type { Sql, TransactionSql } from 'postgres';
import { amount, type Finding, fail, ok, warn } from './finding.ts';

/** A directory or a copy, its rows, and the rows of its source. */
interface Source {
  table: string;
  rows: string;
  expected: string;
}

/** Tables whose rows of all organizations the lookup role may read. */
const DIRECTORIES: readonly Source[] = [
  {
    table: 'organization_slugs',
    rows: 'select slug, organization_id from organization_slugs',
    expected: 'select slug, id from organizations',
  },
  {
    table: 'organization_secrets',
    rows: 'select hash, organization_id from organization_secrets',
    expected: `select hash, organization_id from api_tokens union all select hash, organization_id from invitations
      union all select hash, organization_id from integrations
      union all select previous_hash, organization_id from api_tokens where previous_hash is not null`,
  },
  {
    table: 'memberships',
    rows: 'select organization_id, user_id, principal_id from memberships',
    expected: 'select organization_id, user_id, id from principals where user_id is not null',
  },
];

/** A table whose rows of all organizations no role of requests may read. */
const PEOPLE: Source = {
  table: 'people',
  // Copies made by the application have times with milliseconds.
  rows: `select organization_id, id, email, name, date_trunc('ms', created_at) from people`,
  expected: `select p.organization_id, u.id, u.email, u.name, date_trunc('ms', u.created_at)
    from principals p left join users u on u.id = p.user_id where p.user_id is not null`,
};

const REMEDY = 'See docs/operations.md#repair-a-directory.';

/** Compares each directory with its source in one statement. PostgreSQL ends the statement at the deadline. */
export async function checkDirectories(sql: Sql, deadlineMs: number): Promise<Finding[]> {
  const [role] = await sql`
    select current_user as name, rolsuper or rolbypassrls as bypasses, pg_has_role('ambit_lookup', 'member') as reads
    from pg_roles where rolname = current_user`;
  if (!role?.['reads'])
    return [warn(`Not compared, because the role ${role?.['name']} may not read them. Set MIGRATION_DATABASE_URL.`)];
  const sources = role?.['bypasses'] ? [...DIRECTORIES, PEOPLE] : DIRECTORIES;
  const findings = await sql.begin('isolation level repeatable read read only', async (tx) => {
    await tx`select set_config('statement_timeout', ${String(deadlineMs)}, true)`;
    // Row-level security also applies to the owner of the tables.
    if (!role?.['bypasses']) await tx`set local role ambit_lookup`;
    return await differencesOf(tx, sources);
  });
  if (findings.length > 0) return findings;
  const names = sources.map(({ table }) => table).join(', ');
  const rest = role?.['bypasses']
    ? ''
    : ` ${PEOPLE.table} was not compared, because the role ${role?.['name']} may not read it.`;
  return [ok(`${names} agree with their sources.${rest}`)];
}

async function differencesOf(sql: TransactionSql, sources: readonly Source[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { table, rows, expected } of sources) {
    const [row] = await sql.unsafe(`
      select (select count(*)::int from (${less(rows, expected)}) a) as excess,
        (select count(*)::int from (${less(expected, rows)}) b) as missing`);
    const { excess, missing } = row as unknown as { excess: number; missing: number };
    if (excess + missing > 0)
      findings.push(fail(`${table} has ${amount(excess, 'row')} without a source, and lacks ${missing}. ${REMEDY}`));
  }
  return findings;
}

const less = (rows: string, others: string): string => `(${rows}) except all (${others})`;
