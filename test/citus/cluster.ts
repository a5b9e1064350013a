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
