import type { Sql } from 'postgres';
import { assertConnected, assertCoordinator } from '../../db/cluster.ts';
import { isDistributed } from '../../db/distribute.ts';
import { amount, type Finding, fail, ok, sentence } from './finding.ts';

/** Checks the connections between the nodes of a Citus cluster. */
export async function checkCluster(sql: Sql): Promise<Finding[]> {
  if (!(await isDistributed(sql))) return [ok('The database is one server, not a Citus cluster.')];
  try {
    await assertCoordinator(sql);
    await assertConnected(sql);
  } catch (error) {
    return [fail(`The database cannot be used as a cluster: ${sentence(error)}`)];
  }
  const [row] = await sql`
    select (select count(*)::int from pg_dist_node where shouldhaveshards and isactive) as nodes,
      (select count(*)::int from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r'
        and not exists (select from pg_dist_partition d where d.logicalrelid = c.oid)
        and not exists (select from pg_depend d join pg_extension e on e.oid = d.refobjid
          where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')) as missing`;
  const { nodes, missing } = row as { nodes: number; missing: number };
  if (missing > 0) return [fail(`${amount(missing, 'table')} not part of the cluster. Run: npm start -- distribute`)];
  return [ok(`${amount(nodes, 'node')} of the Citus cluster reach each other.`)];
}
