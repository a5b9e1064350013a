import { deepStrictEqual } from 'node:assert/strict';
import { decodeId } from '../../src/lib/ids.ts';
import { ambitOn, type Database, peerOn } from './database.ts';
import { type Request, requestsPerSecond } from './load.ts';
import { inTurn, type Outcome } from './rounds.ts';
import { type Server, startAmbit, startPeer } from './server.ts';

/** A server, and its requests for the same data as those of the other servers. */
export interface Side {
  name: string;
  start(): Promise<Server>;
  requests: Request[];
}

export const ambit = (database: Database, requests: Request[], name = 'Ambit', checkout?: string): Side => ({
  name,
  start: () => startAmbit(ambitOn(database), [], checkout),
  requests,
});

export const peer = (
  name: string,
  file: string,
  database: Database,
  requests: Request[],
  env: Record<string, string> = {},
): Side => ({ name, start: () => startPeer(`bench/peers/${file}`, { ...peerOn(database), ...env }), requests });

/** Measures the servers in turn, while all of them run. Throws if their responses differ. */
export async function race(sides: Side[]): Promise<Outcome[]> {
  const servers: Server[] = [];
  try {
    for (const side of sides) servers.push(await side.start());
    const asked = sides.map((side, at) => ({ ...side, server: servers[at] as Server }));
    await expectSame(asked);
    return await inTurn(
      asked.map(({ name, server, requests }) => ({ name, measure: () => requestsPerSecond(server, requests) })),
    );
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

type Asked = Side & { server: Server };

/** Compares the responses to the first and the last request, which concern two organizations. */
async function expectSame([first, ...others]: Asked[]): Promise<void> {
  for (const at of [0, -1]) {
    const expected = first && (await answerOf(first, at));
    for (const other of others)
      deepStrictEqual(await answerOf(other, at), expected, `${other.name} returns different data`);
  }
}

async function answerOf({ name, server, requests }: Asked, at: number): Promise<unknown> {
  const { method, headers, body } = requests.at(at) as Request;
  const response = await fetch(server.url, { method, headers, body });
  const answer = (await response.json()) as { data?: unknown; errors?: unknown };
  if (answer.errors || !answer.data) throw new Error(`${name} returns ${JSON.stringify(answer)}`);
  return withPlainIds(answer);
}

/** Replaces Ambit's public IDs by UUIDs, which the peers return. */
function withPlainIds(value: unknown): unknown {
  if (typeof value === 'string') return decodeId(value)?.uuid ?? value;
  if (Array.isArray(value)) return value.map(withPlainIds);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withPlainIds(one)]));
}
