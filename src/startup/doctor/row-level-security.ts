import type { Sql } from 'postgres';
import { type Finding, fail, ok, warn } from './finding.ts';

/** A table, or a role. */
interface Row {
  name: string;
}

/** The roles of requests and of the lookup functions. */
const ROLES = `('ambit_runtime', 'ambit_lookup')`;

/** The views of the extension Citus are in the same schema. */
const TABLES = `
  tables as (
    select c.oid, c.relname::text as name, c.relkind, c.relrowsecurity as secured, c.relforcerowsecurity as forced,
      c.relowner, c.relacl,
      exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'organization_id' and a.attnotnull)
        as is_tenant
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and not exists (select from pg_depend d join pg_extension e on e.oid = d.refobjid
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e' and e.extname = 'citus')
  ),
  grants as (
    select t.oid, t.name, t.is_tenant, a.privilege_type as privilege,
      case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee)::text end as role
    from tables t left join pg_attribute c on c.attrelid = t.oid and c.attacl is not null,
      aclexplode(array_cat(t.relacl, c.attacl)) a
    where a.grantee <> t.relowner
  ),
  policies as (
    select p.polrelid as oid, p.polname as name, roles.role, pg_get_expr(p.polqual, p.polrelid) as condition,
      pg_get_expr(p.polwithcheck, p.polrelid) as new_condition,
      case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' end as command
    from pg_policy p, lateral (select case r when 0 then 'PUBLIC' else pg_get_userbyid(r)::text end as role
      from unnest(p.polroles) r) roles
  )`;

/** Problems, each with the query for the tables that have it. */
const PROBLEMS: [problem: string, query: string][] = [
  [
    'not protected by forced row-level security',
    `select name from tables where relkind <> 'r' or not secured or not forced`,
  ],
  [
    'granted without a policy',
    `select distinct g.name || ' (' || g.privilege || ' of ' || g.role || ')' as name from grants g
      where g.role in ${ROLES} and g.privilege in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        and not exists (select from policies p where p.oid = g.oid and p.role in (g.role, 'PUBLIC')
          and (p.command is null or p.command = g.privilege))`,
  ],
  [
    'open to other organizations',
    `select distinct t.name || ' (policy ' || p.name || ')' as name from policies p join tables t using (oid),
      lateral (select case when t.is_tenant then 'organization_id = .*organization_id\\(\\)'
        when t.name in ('rate_limits', 'setup_secrets', 'signing_keys') then ''
        else 'id = .*(organization|user)_id\\(\\)' end as binding) b
      where p.role <> 'ambit_lookup'
        and (p.role <> 'ambit_runtime' or p.condition !~ b.binding or p.new_condition !~ b.binding)`,
  ],
  [
    'granted beyond what requests and lookups need',
    `select distinct g.name || ' (' || g.privilege || ' of ' || g.role || ')' as name from grants g
      where g.role = 'PUBLIC' or g.role in ${ROLES} and not case g.role
        when 'ambit_runtime' then g.privilege in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        else g.privilege = 'SELECT' end`,
  ],
];

/** Privileges that the runtime role must not have. It has all others on tables of organizations. */
const REFUSED: Record<string, readonly string[]> = {
  audit_event_targets: ['UPDATE', 'DELETE'],
  audit_events: ['UPDATE', 'DELETE'],
  memberships: ['UPDATE'],
  passwords: ['SELECT', 'UPDATE', 'DELETE'],
  people: ['UPDATE', 'DELETE'],
};

const REMEDY = 'Restore the catalog from a backup, or compare it with migrations/.';

/** Compares tables, policies and grants with what the migrations create. */
export async function checkRowLevelSecurity(sql: Sql): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [problem, query] of PROBLEMS) {
    const rows = await sql.unsafe<Row[]>(`with ${TABLES} ${query} order by 1`);
    if (rows.length > 0) findings.push(fail(`These tables are ${problem}: ${namesOf(rows)}. ${REMEDY}`));
  }
  findings.push(...(await checkGrants(sql)), ...(await checkOthers(sql)));
  if (findings.length > 0) return findings;
  const [row] = await sql.unsafe(`with ${TABLES} select count(*)::int as count from tables`);
  return row?.['count'] > 0
    ? [ok(`${row?.['count']} tables force row-level security, and have their policies and grants.`)]
    : [fail('The database has no tables. Run: npm start -- migrate')];
}

/** Compares the privileges of the runtime role with the expected ones. */
async function checkGrants(sql: Sql): Promise<Finding[]> {
  const rows = await sql.unsafe<(Row & { is_tenant: boolean; privilege: string; granted: boolean })[]>(`with ${TABLES}
    select t.name, t.is_tenant, p.privilege, has_table_privilege('ambit_runtime', t.oid, p.privilege)
      or (p.privilege <> 'DELETE' and has_any_column_privilege('ambit_runtime', t.oid, p.privilege)) as granted
    from tables t, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p (privilege) order by 1, 3`);
  const wrong = (isGranted: boolean): Row[] =>
    rows
      .filter(({ granted }) => granted === isGranted)
      .filter(({ name, is_tenant: isTenant, privilege }) => {
        const isRefused = REFUSED[name]?.includes(privilege) ?? false;
        return isGranted ? isRefused : isTenant && !isRefused;
      })
      .map(({ name, privilege }) => ({ name: `${name} (${privilege})` }));
  const [excessive, missing] = [wrong(true), wrong(false)];
  return [
    ...(excessive.length > 0 ? [fail(`The role ambit_runtime must not have: ${namesOf(excessive)}. ${REMEDY}`)] : []),
    ...(missing.length > 0 ? [fail(`The role ambit_runtime lacks: ${namesOf(missing)}. ${REMEDY}`)] : []),
  ];
}

/** Grants of other roles can be intended. Row-level security applies to them too, unless they bypass it. */
async function checkOthers(sql: Sql): Promise<Finding[]> {
  const rows = await sql.unsafe<Row[]>(`with ${TABLES} select distinct role as name from grants
    where role <> 'PUBLIC' and role not in ${ROLES} order by 1`);
  return rows.length > 0
    ? [warn(`Other roles have grants on tables: ${namesOf(rows)}. Revoke them unless they are intended.`)]
    : [];
}

const MAX_NAMES = 5;

function namesOf(rows: readonly Row[]): string {
  const more = rows.length > MAX_NAMES ? ` and ${rows.length - MAX_NAMES} more` : '';
  return `${rows
    .slice(0, MAX_NAMES)
    .map(({ name }) => name)
    .join(', ')}${more}`;
}
