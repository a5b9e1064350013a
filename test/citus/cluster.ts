import postgres, { type Sql } from 'postgres';

/** Superuser's addresses of the nodes of a cluster, with `%` in the place of the database. The first is the coordinator. */
export async function nodesOf(url: string): Promise<string[]> {
  const coordinator = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const workers = await coordinator<{ host: string; port: number }[]>`
      select nodename as host, nodeport as port from pg_dist_node where groupid > 0 and noderole = 'primary' order by 1, 2`;
    const own = new URL(url);
    return [own, ...workers.map(({ host, port }) => withHost(own, host, port))].map(template);
  } finally {
    await coordinator.end();
  }
}

function withHost(url: URL, host: string, port: number): URL {
  const other = new URL(url);
  other.hostname = host;
  other.port = String(port);
  return other;
}

const template = (url: URL): string => {
  const other = new URL(url);
  other.pathname = '/';
  return other.href.replace(/\/(?=\?|$)/, '/%');
};

/** Calls `work` with a connection to this database of each node. */
export async function onEachNode<T>(
  nodes: readonly string[],
  database: string,
  work: (sql: Sql) => Promise<T>,
): Promise<T[]> {
  return await Promise.all(
    nodes.map(async (node) => {
      const sql = postgres(node.replace('%', database), { max: 1, onnotice: () => undefined });
      try {
        return await work(sql);
      } finally {
        await sql.end();
      }
    }),
  );
}

/** Makes the databases of this name a cluster. Each has the extension. */
export async function joinNodes(nodes: readonly string[], database: string): Promise<void> {
  const [coordinator, ...workers] = nodes.map((node) => new URL(node.replace('%', database)));
  if (!coordinator) throw new Error('a cluster has a coordinator');
  await onEachNode(nodes, database, (sql) => sql`create extension citus`);
  await onEachNode([coordinator.href], database, async (sql) => {
    await sql`select citus_set_coordinator_host(${coordinator.hostname}, ${portOf(coordinator)}::int)`;
    for (const worker of workers) await sql`select citus_add_node(${worker.hostname}, ${portOf(worker)}::int)`;
  });
}

const portOf = ({ port }: URL): string => port || '5432';
