import { isDeepStrictEqual } from 'node:util';
import { toUUID } from 'typeid-js';
import { ambitOn, type Database, peerOn } from './database.ts';
import { type Request, requestsPerSecond, sendOne } from './load.ts';
import { inTurn, type Outcome } from './rounds.ts';
import { type Server, startAmbit, startPeer } from './server.ts';
import { NODE_ARGS } from './settings.ts';

/** A server, and its requests for the same data as those of the other servers. */
export interface Side {
  name: string;
  start(): Promise<Server>;
  requests: Request[];
  /** Throws if the responses are wrong. By default they are compared with those of the first side. */
  verify?(server: Server): Promise<void>;
}

/** A side whose server runs. */
export type Running = Side & { server: Server };

export const ambit = (database: Database, requests: Request[], name = 'Ambit'): Side => ({
  name,
  start: () => startAmbit(ambitOn(database), NODE_ARGS, database.checkout),
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
export const race = (sides: Side[]): Promise<Outcome[]> =>
  withServers(sides, (running) =>
    inTurn(running.map(({ name, server, requests }) => ({ name, measure: () => requestsPerSecond(server, requests) }))),
  );

/** Starts all servers, compares their responses, runs `work`, and stops the servers. */
export async function withServers<Result>(
  sides: Side[],
  work: (running: Running[]) => Promise<Result>,
): Promise<Result> {
  const servers: Server[] = [];
  try {
    for (const side of sides) servers.push(await side.start());
    const running = sides.map((side, at) => ({ ...side, server: servers[at] as Server }));
    await expectSame(running.filter(({ verify }) => !verify));
    for (const { verify, server } of running) await verify?.(server);
    return await work(running);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Compares the responses to the first and the last request, which concern two organizations. */
async function expectSame([first, ...others]: Running[]): Promise<void> {
  for (const at of [0, -1]) {
    const expected = first && (await answerOf(first, at));
    for (const other of others) {
      const answer = await answerOf(other, at);
      if (!isDeepStrictEqual(answer, expected)) throw new Error(differs(first, expected, other, answer));
    }
  }
}

/** The two responses from the first character that differs. */
function differs(first: Side | undefined, expected: unknown, other: Side, answer: unknown): string {
  const [own, others] = [JSON.stringify(expected), JSON.stringify(answer)];
  const at = [...own].findIndex((character, n) => character !== others[n]);
  const part = (text: string): string => text.slice(Math.max(at - 50, 0), at + 100);
  return `${other.name} returns different data: ${part(others)}, but ${first?.name} returns ${part(own)}`;
}

const answerOf = async ({ server, requests }: Running, at: number): Promise<unknown> =>
  withPlainIds(await sendOne(server, requests.at(at) as Request));

const PUBLIC_ID = /^[a-z]{3}_[0-9a-z]{26}$/;

/** Replaces Ambit's public IDs by UUIDs, which the peers return. */
function withPlainIds(value: unknown): unknown {
  if (typeof value === 'string') return PUBLIC_ID.test(value) ? toUUID(value as never) : value;
  if (Array.isArray(value)) return value.map(withPlainIds);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withPlainIds(one)]));
}
