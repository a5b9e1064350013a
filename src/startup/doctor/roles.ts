import type { Sql } from 'postgres';
import type { Config } from '../../config.ts';
import { RUNTIME_ROLE } from '../../db/client.ts';
import { mayCreateTemporaryTables } from '../../db/migrate.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** The roles of requests and of the lookup functions. */
const ROLES = [RUNTIME_ROLE, 'ambit_lookup'];

/** Rights that a role of requests must not have: the column in `findRole`, and the predicate of the sentence in a finding. */
const RIGHTS: Record<string, string> = {
  superuser: 'is a superuser',
  bypasses: 'has BYPASSRLS',
  creates_roles: 'has CREATEROLE',
  creates_databases: 'has CREATEDB',
  replicates: 'has REPLICATION',
  owns: 'owns tables or schemas',
  creates: 'may create objects in a schema',
  joined: 'is a member of another role',
};

type Role = { name: string } & Record<string, boolean>;

/** Checks the roles of requests and the login of `DATABASE_URL`. */
export async function checkRoles(sql: Sql, { databaseUrl }: Pick<Config, 'databaseUrl'>): Promise<Finding[]> {
  const roles = await Promise.all(ROLES.map((name) => findRole(sql, name)));
  const missing = ROLES.filter((_name, at) => !roles[at]);
  if (missing.length > 0) return [fail(`These roles do not exist: ${missing.join(', ')}. Run: npm start -- migrate`)];
  const excessive = (roles as Role[]).flatMap(excessOf);
  if (await mayCreateTemporaryTables(sql))
    excessive.push(
      `The role ${RUNTIME_ROLE} may create temporary tables. As the owner of the database, run: npm start -- migrate`,
    );
  const login = databaseUrl ? decodeURIComponent(new URL(databaseUrl).username) : '';
  const findings = [...excessive.map(fail), ...(await checkLogin(sql, login))];
  return findings.length > 0 ? findings : [ok(`${ROLES.join(', ')} own nothing and cannot bypass row-level security.`)];
}

const excessOf = (role: Role): string[] =>
  Object.entries(RIGHTS)
    .filter(([right]) => role[right])
    .map(([, text]) => `The role ${role.name} ${text}. Revoke this, see docs/deployment.md.`);

/** A login that owns the tables can serve requests, because each connection changes to the runtime role. */
async function checkLogin(sql: Sql, name: string): Promise<Finding[]> {
  const login = name ? await findRole(sql, name) : null;
  if (!login) return [];
  if (login['superuser'] || login['bypasses'])
    return [warn(`The login ${name} of DATABASE_URL can bypass row-level security. ${ADVICE}`)];
  return login['owns'] ? [warn(`The login ${name} of DATABASE_URL owns the tables. ${ADVICE}`)] : [];
}
const ADVICE = `Give requests a login that is a member of ${RUNTIME_ROLE} only, see docs/deployment.md.`;

/** Reads the rights of a role. Functions do not count as owned, because the lookup functions belong to the lookup role. */
async function findRole(sql: Sql, name: string): Promise<Role | null> {
  const [role] = await sql<Role[]>`
    select rolname as name, rolsuper as superuser, rolbypassrls as bypasses, rolcreaterole as creates_roles,
      rolcreatedb as creates_databases, rolreplication as replicates,
      exists (select from pg_class where relowner = r.oid) or exists (select from pg_namespace where nspowner = r.oid)
        as owns,
      exists (select from pg_namespace n where nspname !~ '^pg_' and has_schema_privilege(r.oid, n.oid, 'CREATE'))
        as creates,
      exists (select from pg_auth_members where member = r.oid) as joined
    from pg_roles r where rolname = ${name}`;
  return role ?? null;
}
