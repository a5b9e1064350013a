import postgres, { type Sql } from 'postgres';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import type { Database } from '../harness/database.ts';
import type { Policy } from './role.ts';

/** A caller, and a project that the caller can ask about. */
export interface Caller {
  token: string;
  /** Public ID of a project of the caller's organization. */
  project: string;
}

/** Gives every member a custom role. Each organization has its own copy of the role and its policies. */
export async function customize({ url, organizations }: Database, policies: Policy[]): Promise<Caller[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  // Disables triggers and foreign keys, as in `seed.ts`.
  await sql`set session_replication_role = replica`;
  const callers: Caller[] = [];
  for (const { id, readTokens } of organizations) {
    await insertRole(sql, id, policies);
    const project = await insertProject(sql, id);
    callers.push(...readTokens.map((token) => ({ token, project })));
  }
  // With a READ token, most questions would be refused before the role is checked.
  await sql`update api_tokens set access = 'WRITE'`;
  await sql`vacuum (analyze)`;
  await sql.end();
  return alternating(callers, organizations.length);
}

async function insertRole(sql: Sql, organization: string, policies: Policy[]): Promise<void> {
  const role = newId();
  const rows = policies.map(({ name, statements }) => ({ id: newId(), name, statements }));
  await sql`insert into roles (organization_id, id, name) values (${organization}, ${role}, 'Custom')`;
  await sql`
    insert into policies (organization_id, id, name, statements)
    select ${organization}, id, name, statements
    from jsonb_to_recordset(${sql.json(rows as never)}::jsonb) as p (id uuid, name text, statements jsonb)`;
  await sql`
    insert into role_policies (organization_id, role_id, policy_id)
    select organization_id, ${role}, id from policies where organization_id = ${organization}`;
  await sql`
    update assignments set built_in_role_id = null, role_id = ${role}
    where organization_id = ${organization} and project_id is null`;
}

async function insertProject(sql: Sql, organization: string): Promise<string> {
  const id = newId();
  await sql`insert into projects (organization_id, id, key, name) values (${organization}, ${id}, 'app', 'App')`;
  return toPublicId('prj', id);
}

/** Orders callers so that neighbours belong to different organizations. */
const alternating = (callers: Caller[], organizations: number): Caller[] => {
  const each = callers.length / organizations;
  return callers.map((_, at) => callers[(at % organizations) * each + Math.floor(at / organizations)] as Caller);
};
