import type { Sql } from 'postgres';
import type { Amounts } from './amounts.ts';

/** The policy of each custom role. It grants what the read requests need. */
const STATEMENTS = [
  { effect: 'ALLOW', permissions: ['*:read'] },
  { effect: 'DENY', permissions: ['session:delete'] },
];

/**
 * Inserts rows in the order in which they would have been created. So the rows of all organizations are mixed on disk, as
 * in a real database.
 */
export async function fill(sql: Sql, amounts: Amounts, roleIds: { read: string; admin: string }): Promise<void> {
  const { organizations, others, othersSize, checks, members, roles } = amounts;
  const all = organizations + others;
  await sql.unsafe(ID);
  await sql`create temporary table o as
    select at, pg_temp.id(0, at, 0) as id, case when at < ${organizations} then ${checks}::int else ${othersSize.checks} end as checks,
      case when at < ${organizations} then ${members}::int else ${othersSize.members} end as members
    from generate_series(0, ${all - 1}::int) at`;
  await sql`insert into organizations (id, slug, name, plan)
    select id, 'bench-' || at, 'Bench ' || at, 'ENTERPRISE' from o`;
  await sql`insert into organization_slugs (slug, organization_id) select 'bench-' || at, id from o`;
  await sql`insert into rubrics (organization_id, id, name) select id, pg_temp.id(9, at, 0), 'Service maturity' from o`;
  await sql`insert into categories (organization_id, id, name)
    select id, pg_temp.id(3, at, n), 'Category ' || n from o, generate_series(0, 4) n order by n, at`;
  await sql`insert into levels (organization_id, id, name, index)
    select id, pg_temp.id(4, at, n), 'Level ' || n, n from o, generate_series(0, 3) n order by n, at`;
  await fillPeople(sql, amounts, roleIds);
  await sql`insert into checks (organization_id, id, name, notes, type, category_id, level_id, owner_id, enabled)
    select id, pg_temp.id(5, at, n), 'Fulfils requirement ' || (n * 7919) % 10007, 'Ask the owning team how it is done.',
      'MANUAL', pg_temp.id(3, at, n % 5), pg_temp.id(4, at, n % 4), pg_temp.id(2, at, n % members), n % 3 > 0
    from o, generate_series(0, checks - 1) n order by n, at`;
  if (roles > 0) await fillRoles(sql, amounts);
}

async function fillPeople(
  sql: Sql,
  { roles, organizations }: Amounts,
  { read, admin }: { read: string; admin: string },
): Promise<void> {
  await sql`create temporary table p as
    select id as organization_id, pg_temp.id(2, at, n) as id, pg_temp.id(1, at, n) as user_id,
      'person-' || n || '@bench-' || at || '.test' as email, 'Person ' || n || ' of ' || at as name
    from o, generate_series(0, members - 1) n order by n, at`;
  await sql`insert into users (id, email, name) select user_id, email, name from p`;
  await sql`insert into principals (organization_id, id, user_id) select organization_id, id, user_id from p`;
  await sql`insert into people (organization_id, id, email, name) select organization_id, user_id, email, name from p`;
  await sql`insert into memberships (organization_id, user_id, principal_id) select organization_id, user_id, id from p`;
  await sql`insert into assignments (organization_id, id, principal_id, built_in_role_id, role_id)
    select id, pg_temp.id(6, at, n), pg_temp.id(2, at, n),
      case when n = 0 then ${admin}::uuid when not custom then ${read}::uuid end,
      case when n > 0 and custom then pg_temp.id(7, at, n % ${Math.max(roles, 1)}::int) end
    from (select o.*, at < ${organizations} and ${roles > 0} as custom from o) o, generate_series(0, members - 1) n order by n, at`;
}

async function fillRoles(sql: Sql, { organizations, roles }: Amounts): Promise<void> {
  await sql`create temporary table r as
    select id, at, n from o, generate_series(0, ${roles - 1}::int) n where at < ${organizations} order by n, at`;
  await sql`insert into roles (organization_id, id, name) select id, pg_temp.id(7, at, n), 'Role ' || n from r`;
  await sql`insert into policies (organization_id, id, name, statements)
    select id, pg_temp.id(8, at, n), 'Policy ' || n, ${sql.json(STATEMENTS)}::jsonb from r`;
  await sql`insert into role_policies (organization_id, role_id, policy_id)
    select id, pg_temp.id(7, at, n), pg_temp.id(8, at, n) from r`;
}

/** Returns the same IDs as `idOf` in `seed.ts`. */
const ID = `create function pg_temp.id(kind int, organization int, n int) returns uuid immutable
  return (lpad(to_hex(n), 8, '0') || '00007' || lpad(to_hex(kind), 3, '0') || '8' || lpad(to_hex(organization), 15, '0'))::uuid`;
