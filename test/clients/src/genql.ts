import { createClient } from '../generated/genql';

export async function genql(url: string, headers: Record<string, string>): Promise<number | undefined> {
  const client = createClient({ url, headers });
  const { checks } = await client.query({
    checks: { __args: { first: 3 }, nodes: { id: true, createdAt: true, viewerPermissions: true } },
  });
  // @ts-expect-error `naem` is not a field.
  client.query({ checks: { nodes: { naem: true } } }).catch(() => undefined);
  return checks?.nodes.length;
}
