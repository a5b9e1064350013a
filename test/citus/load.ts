import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type Ask, type Stage, signIn, type Tenant } from './stage.ts';

export type Kind = 'read' | 'write' | 'signIn' | 'refresh';

/** A finished operation of the load. */
export interface Done extends Answer {
  kind: Kind;
  slug: string;
  /** The name of the category that a write creates. */
  name: string;
}

export interface Load {
  readonly done: Done[];
  /** Resolves when the organization has had a success of each kind that began after this time. */
  served(tenant: Tenant, since: number): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds between a response and the next request. A sign-in computes an expensive hash. */
const PAUSE = { read: 100, write: 150, refresh: 1_000, signIn: 2_000 };
const SERVED_WITHIN = 60_000;

/** Every organization reads, writes, signs in and refreshes its session without a pause, on both servers in turn. */
export function startLoad({ ask, tenants }: Pick<Stage, 'ask' | 'tenants'>, kinds: readonly Kind[] = KINDS): Load {
  const done: Done[] = [];
  let isStopped = false;
  const run = async (tenant: Tenant, kind: Kind): Promise<void> => {
    const next = STEPS[kind](ask, tenant);
    for (let number = 0; !isStopped; number += 1) {
      const name = `${tenant.slug}.${kind}.${number}.${Math.random()}`;
      const answer = await next(number % 2, name);
      done.push({ ...answer, kind, slug: tenant.slug, name });
      await sleep(PAUSE[kind]);
    }
  };
  const running = Promise.all(tenants.flat().flatMap((tenant) => kinds.map((kind) => run(tenant, kind))));
  const isServed = ({ slug }: Tenant, since: number): boolean =>
    kinds.every((kind) =>
      done.some((one) => one.slug === slug && one.kind === kind && one.codes.length === 0 && one.startedAt >= since),
    );
  return {
    done,
    async served(tenant, since) {
      const until = performance.now() + SERVED_WITHIN;
      while (!isServed(tenant, since)) {
        if (performance.now() > until) throw new Error(`${tenant.slug} is not served`);
        await sleep(10);
      }
    },
    async stop() {
      isStopped = true;
      await running;
    },
  };
}

type Step = (ask: Ask, tenant: Tenant) => (server: number, name: string) => Promise<Answer>;

const STEPS: Record<Kind, Step> = {
  read:
    (ask, { token }) =>
    (server) =>
      ask('{ viewer { organization { id } } categories(first: 1) { nodes { id } } }', { token, server }),
  write:
    (ask, { token }) =>
    (server, name) =>
      ask(`mutation { createCategory(input: { name: "${name}" }) { errors { code } } }`, { token, server }),
  signIn: (ask, tenant) => (server) => ask(signIn(tenant), { server }),
  refresh(ask, tenant) {
    let refreshToken = '';
    return async (server) => {
      if (!refreshToken) {
        const first = await ask(signIn(tenant), { server });
        refreshToken = first.data?.signIn?.session?.refreshToken ?? '';
        return first;
      }
      const query = `mutation { refreshSession(input: { refreshToken: "${refreshToken}" }) { session { refreshToken } errors { code } } }`;
      const answer = await ask(query, { server });
      refreshToken = answer.data?.refreshSession?.session?.refreshToken ?? refreshToken;
      return answer;
    };
  },
};

const KINDS = Object.keys(STEPS) as Kind[];

/** How often each result occurred, such as `write UNAVAILABLE`, with the longest time in milliseconds. */
export function summary(done: readonly Done[]): Record<string, string> {
  const groups = Map.groupBy(done, ({ kind, codes }) => `${kind} ${codes.join('+') || 'ok'}`);
  return Object.fromEntries(
    [...groups].sort().map(([key, all]) => {
      const longest = Math.max(...all.map(({ startedAt, endedAt }) => endedAt - startedAt));
      return [key, `${all.length} × ≤ ${Math.round(longest)} ms`];
    }),
  );
}
