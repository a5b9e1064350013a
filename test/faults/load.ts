import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { codesOf, type Reply, send } from './client.ts';
import { type Step, stepOf } from './operations.ts';
import { CLIENT_DEADLINE, PAUSE } from './sizes.ts';
import type { Seat, World } from './world.ts';

/** A finished request. Times are values of `performance.now()`. */
export interface Sent {
  /** The request id. */
  id: string;
  client: number;
  slug: string;
  action: Step['action'];
  /** Id of the category that an update changes. */
  target: string;
  startedAt: number;
  endedAt: number;
  reply: Reply;
  codes: string[];
  /** The error in the data of a response without errors. */
  wrong: string | null;
  isOk: boolean;
}

export interface Load {
  readonly sent: Sent[];
  /** Part of every request id of this load. */
  readonly tag: string;
  readonly clients: number;
  /** Sends no new requests and waits for the running ones. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  world: World;
  tag: string;
  /** The address for this attempt of a client. After a refused connection, the client tries the next address. */
  addressOf(client: number, attempt: number): string | null;
  /** Milliseconds between a response and the next request of the client. */
  pause?: number;
}

/** Each client sends one request after the other on its own keep-alive connection. */
export function startLoad({ world, tag, addressOf, pause = PAUSE }: LoadOptions): Load {
  const sent: Sent[] = [];
  const agents = world.seats.map(() => new Agent({ keepAlive: true }));
  const stopping = new AbortController();
  const attempt = async (first: string, seat: Seat, client: number, step: Step, requestId: string): Promise<Reply> => {
    const { token } = seat.tenant;
    const agent = agents[client] as Agent;
    let address = first;
    for (let tried = 1; ; tried += 1) {
      const reply = await send({ agent, address, token, requestId, operation: step, deadline: CLIENT_DEADLINE });
      const next = reply.failed === 'refused' ? addressOf(client, tried) : null;
      if (next === null) return reply;
      address = next;
    }
  };
  const ask = async (address: string, seat: Seat, client: number, number: number): Promise<void> => {
    const id = `${seat.tenant.slug}.${tag}.${client}.${number}`;
    const step = stepOf(seat, id, number);
    const startedAt = performance.now();
    const reply = await attempt(address, seat, client, step, id);
    sent.push(judged({ seat, client, step, id, startedAt, reply }));
  };
  const run = async (seat: Seat, client: number): Promise<void> => {
    // The clients start with different operations.
    for (let number = client; !stopping.signal.aborted; number += 1) {
      const address = addressOf(client, 0);
      if (address !== null) await ask(address, seat, client, number);
      await sleep(pause * (0.5 + Math.random()), undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = Promise.all(world.seats.map(run));
  return {
    sent,
    tag,
    clients: world.seats.length,
    async stop() {
      stopping.abort();
      await running;
      for (const agent of agents) agent.destroy();
    },
  };
}

interface Ended {
  seat: Seat;
  client: number;
  step: Step;
  id: string;
  startedAt: number;
  reply: Reply;
}

function judged({ seat, client, step, id, startedAt, reply }: Ended): Sent {
  const codes = reply.failed ? [] : codesOf(reply);
  const isAnswer = !reply.failed && codes.length === 0;
  const wrong = isAnswer ? wrongIn(step, reply) : null;
  return {
    ...{ id, client, slug: seat.tenant.slug, action: step.action, target: seat.categoryId },
    ...{ startedAt, endedAt: performance.now(), reply, codes, wrong, isOk: isAnswer && wrong === null },
  };
}

function wrongIn(step: Step, { status, body }: Reply): string | null {
  if (status !== 200) return `status ${status} without an error`;
  try {
    return step.wrong(body.data);
  } catch {
    return `data of another form: ${JSON.stringify(body).slice(0, 100)}`;
  }
}
