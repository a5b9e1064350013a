import type { Sql } from 'postgres';

/** Each directory or copy, and the rows that it must consist of. */
const SOURCES: Record<string, [rows: string, expected: string]> = {
  organization_slugs: ['select slug, organization_id from organization_slugs', 'select slug, id from organizations'],
  memberships: [
    'select organization_id, user_id, principal_id from memberships',
    'select organization_id, user_id, id from principals where user_id is not null',
  ],
  people: [
    // JavaScript copies times with milliseconds.
    `select organization_id, id, email, name, date_trunc('ms', created_at) from people`,
    `select p.organization_id, u.id, u.email, u.name, date_trunc('ms', u.created_at)
      from principals p left join users u on u.id = p.user_id where p.user_id is not null`,
  ],
  organization_secrets: [
    'select hash, organization_id from organization_secrets',
    `select hash, organization_id from api_tokens
      union all select previous_hash, organization_id from api_tokens where previous_hash is not null
      union all select hash, organization_id from invitations
      union all select hash, organization_id from integrations`,
  ],
  passwords: ['select user_id from passwords', 'select id from users'],
  refresh_tokens: [
    'select session_id, user_id from refresh_tokens',
    'select r.session_id, s.user_id from refresh_tokens r join sessions s on s.id = r.session_id',
  ],
  // No foreign key proves that the user of a session is a member.
  sessions: [
    'select organization_id, user_id from sessions where organization_id is not null group by 1, 2',
    `select organization_id, user_id from principals
      where (organization_id, user_id) in (select organization_id, user_id from sessions)`,
  ],
};

/** The rows that a directory or a copy has too many, and those that it lacks, as text. */
export async function differencesOfDirectories(sql: Sql): Promise<string[]> {
  const found: string[] = [];
  for (const [table, [rows, expected]] of Object.entries(SOURCES)) {
    const less = (a: string, b: string, what: string): string =>
      `select '${table} ${what} ' || d::text as difference from ((${a}) except all (${b})) d`;
    const both = `${less(rows, expected, 'has')} union all ${less(expected, rows, 'lacks')}`;
    found.push(...(await sql.unsafe(both)).map((row) => row['difference'] as string));
  }
  return found;
}
