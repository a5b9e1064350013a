import type { Sql } from 'postgres';

/** The first version of Citus that is supported. */
const MIN_CITUS = 13;

/** Throws unless the database is the coordinator of a Citus cluster. Each message says what to do. */
export async function assertCoordinator(sql: Sql): Promise<void> {
  const [extension] = await sql`select extversion as version from pg_extension where extname = 'citus'`;
  if (!extension)
    throw new Error('it does not have the Citus extension; on each node, run in this database: create extension citus');
  if (Number.parseInt(extension['version'], 10) < MIN_CITUS)
    throw new Error(
      `it has Citus ${extension['version']}, and Ambit needs ${MIN_CITUS} or later; upgrade Citus on each node, and run there: alter extension citus update`,
    );
  const [local] = await sql`select groupid from pg_dist_local_group`;
  if (local?.['groupid'] !== 0) throw new Error('it is on a worker of the cluster; use the URL of the coordinator');
  const [coordinator] = await sql`select from pg_dist_node where groupid = 0`;
  if (!coordinator)
    throw new Error(
      "the workers do not know how to reach the coordinator; on it, run: select citus_set_coordinator_host('its host name', its port)",
    );
}

/** Throws if the tables belong to another role, unless the current role is a member of it. */
export async function assertOwner(sql: Sql): Promise<void> {
  const [other] = await sql`
    select current_user as name, tableowner from pg_tables
    where schemaname = 'public' and not pg_has_role(tableowner, 'usage') limit 1`;
  if (other)
    throw new Error(
      `the tables belong to the role ${other['tableowner']}, not to ${other['name']}; use the URL of their owner`,
    );
}

/** The roles of requests. Citus connects to the other nodes as the role that sends a statement. */
const ROLES = ['ambit_runtime', 'ambit_lookup'];

/** Lets the roles of requests connect to the workers. They have no password. */
export async function allowLogin(sql: Sql): Promise<void> {
  const roles = await sql`select rolname as name from pg_roles where rolname in ${sql(ROLES)} and not rolcanlogin`;
  for (const { name } of roles) await sql`alter role ${sql(name)} login`;
}

/** Throws if a node cannot connect to another one as the owner of the tables or as a role of requests. */
export async function assertConnected(sql: Sql): Promise<void> {
  for (const role of [null, ...ROLES])
    await sql.begin(async (tx) => {
      if (role) await tx`set local role ${tx(role)}`;
      const [failed] = await tx`
        select format('%s:%s', from_nodename, from_nodeport) as here, format('%s:%s', to_nodename, to_nodeport) as there,
          current_user as role
        from citus_check_cluster_node_health() where not result limit 1`;
      if (failed)
        throw new Error(
          `the node ${failed['here']} cannot connect to ${failed['there']} as the role ${failed['role']}; start ${failed['there']}, and allow this role in its pg_hba.conf`,
        );
    });
}

/** Lets the coordinator store shards if no worker does. */
export async function useCoordinatorIfAlone(sql: Sql): Promise<void> {
  const [node] = await sql`select from pg_dist_node where shouldhaveshards`;
  if (node) return;
  await sql`
    select citus_set_node_property(nodename, nodeport, 'shouldhaveshards', true) from pg_dist_node where groupid = 0`;
}
