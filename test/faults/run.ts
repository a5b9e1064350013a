import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { codesOf, send } from './client.ts';
import { type Balance, balance } from './ledger.ts';
import { leftovers } from './leftovers.ts';
import { type Load, type Sent, startLoad } from './load.ts';
import { IS_FULL, OBSERVED, SERVED_WITHIN, SLACK, UNTIL } from './sizes.ts';
import type { Stage, Target } from './stage.ts';

/** The start and the end of a fault. */
export interface Window {
  began: number;
  passed: number;
}

export interface Fault {
  /** Number and name of the fault in the table. */
  name: string;
  rounds: number;
  /** Milliseconds of load before the first round. */
  quiet?: number;
  /** Returns when the fault has passed. */
  inflict(round: number): Promise<void>;
  /** The rounds after which the load continues for the whole recovery time. Defaults to all. */
  isObserved?(round: number): boolean;
  /** Servers on each database. Defaults to one. */
  servers?: number;
  /** Addresses for a load on several nodes: see `LoadOptions`. */
  addressOf?(target: Target, client: number, attempt: number): string | null;
}

/** The results of one fault for one server. */
export interface Outcome {
  fault: string;
  pool: number;
  sent: readonly Sent[];
  windows: readonly Window[];
  balance: Balance;
  left: string[];
  /** The end of the output of the server. */
  output: string;
  /** The errors of one last request for each organization after the load. */
  afterwards: string[];
}

const onlyAddressOf = ({ server, isListed }: Target, _client: number, attempt: number): string | null =>
  isListed && attempt === 0 ? server.address : null;

/** Load before the first fault, in milliseconds. */
const QUIET = 300;

let loads = 0;

/** Causes a fault several times while the clients of each target read and write. */
export async function run(stage: Stage, fault: Fault): Promise<Outcome[]> {
  const { targets } = stage;
  for (const target of targets) if (!target.server.isRunning()) await target.restart();
  const running = targets.map((target) => {
    loads += 1;
    const addressOf = fault.addressOf ?? onlyAddressOf;
    const tag = `${process.pid}-${loads}`;
    return startLoad({ world: target.world, tag, addressOf: (...asked) => addressOf(target, ...asked) });
  });
  const started = performance.now();
  // Connections in the queue of a socket are reset when the server stops listening.
  await Promise.all(running.map((load) => settle(load, started, fault.quiet ?? QUIET)));
  const windows: Window[] = [];
  for (let round = 1; round <= fault.rounds; round += 1) {
    const began = performance.now();
    await fault.inflict(round);
    const passed = performance.now();
    windows.push({ began, passed });
    if (Date.now() > UNTIL) round = fault.rounds;
    const isObserved = IS_FULL && (fault.isObserved?.(round) ?? true);
    await Promise.all(running.map((load) => settle(load, passed, isObserved ? OBSERVED : 0)));
  }
  await Promise.all(running.map((load) => load.stop()));
  return await Promise.all(
    targets.map(async (target, at) => {
      const { sent, tag } = running[at] as Load;
      const { pool, database, server } = target;
      const left = await stage.postgres.ask(database, (sql) => leftovers(sql, server, pool, fault.servers ?? 1));
      const compared = await stage.postgres.ask(database, (sql) => balance(sql, tag, sent));
      const afterwards = await probe(target);
      const output = server.output();
      if (afterwards.length > 0) await target.restart();
      return {
        fault: fault.name,
        pool,
        sent,
        windows,
        balance: compared,
        left,
        output,
        afterwards,
      };
    }),
  );
}

/** Returns when every client has had a successful request after the last failure, or after the maximum time. */
async function settle({ sent, clients }: Load, passed: number, atLeast: number): Promise<void> {
  const until = passed + Math.max(atLeast, SERVED_WITHIN + SLACK);
  while (performance.now() < until) {
    await sleep(20);
    const since = sent.reduce((last, { isOk, startedAt }) => (isOk ? last : Math.max(last, startedAt)), passed);
    const served = new Set(sent.filter(({ isOk, startedAt }) => isOk && startedAt > since).map(({ client }) => client));
    if (served.size === clients && performance.now() > passed + atLeast) return;
  }
}

/** Milliseconds that an idle server may take for one request on a busy machine. */
const PROBE_WITHIN = 5_000;

/** Sends a query and a mutation in each organization after the load. */
async function probe({ server, world }: Target): Promise<string[]> {
  const agent = new Agent({ keepAlive: true });
  const operations = [
    { query: '{ viewer { organization { id } } categories(first: 1) { nodes { id } } }' },
    { query: 'mutation { updateRubric(input: { name: "Probed" }) { errors { code } } }' },
  ];
  const asked = world.tenants.flatMap(({ slug, token }) =>
    operations.map(async (operation) => {
      const reply = await send({ agent, address: server.address, token, operation, deadline: PROBE_WITHIN });
      const codes = reply.failed ? [reply.failed] : codesOf(reply);
      return codes.length > 0 ? [`${slug}: ${codes}`] : [];
    }),
  );
  const found = (await Promise.all(asked)).flat();
  agent.destroy();
  return found;
}
