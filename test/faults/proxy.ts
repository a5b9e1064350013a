import { once } from 'node:events';
import net, { type Server, type Socket } from 'node:net';

/**
 * `pass`: every byte goes through.
 * `delay`: every byte goes through later.
 * `lose`: bytes are lost. TCP keeps their order, so all later bytes of the same direction are lost as well.
 * `silent`: no byte goes through. Existing connections stay silent, also after the mode changes, and neither end
 * detects it. New connections are established when the mode changes, like repeated packets of a handshake.
 */
export type Mode = 'pass' | 'delay' | 'lose' | 'silent';

export interface NetworkProxy {
  readonly port: number;
  set(mode: Mode, delay?: number): void;
  /** Resets every connection at both ends. */
  reset(): void;
  /** Ends every connection towards the server. The end at the database stays open. */
  halfClose(): void;
  /** New connections are refused until `accept`. */
  refuse(): void;
  accept(): Promise<void>;
  close(): void;
}

interface State {
  mode: Mode;
  delay: number;
  readonly target: number;
  readonly links: Set<Link>;
}

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  /** Stops the transfer of bytes and of ends. */
  isDead: boolean;
  /** Runs the work that waited for the end of the silence. */
  release(): void;
}

/** A proxy on loopback in front of the database at the port `target`. */
export async function startProxy(target: number): Promise<NetworkProxy> {
  const state: State = { mode: 'pass', delay: 0, target, links: new Set() };
  let server = await listen(state, 0);
  const { port } = server.address() as { port: number };
  const each = (work: (link: Link) => void): void => {
    for (const link of [...state.links]) work(link);
  };
  return {
    port,
    set(mode, delay = 0) {
      if (mode === 'silent') each((link) => (link.isDead = true));
      const wasSilent = state.mode === 'silent';
      Object.assign(state, { mode, delay });
      // The database detects closed connections by TCP keepalive. The server does not.
      if (wasSilent) each((link) => (link.isDead ? link.far.destroy() : link.release()));
    },
    reset: () => each(destroy),
    halfClose: () => each(({ near }) => near.end()),
    refuse: () => void server.close(),
    async accept() {
      server = await listen(state, port);
    },
    close() {
      each(destroy);
      server.close();
    },
  };
}

async function listen(state: State, port: number): Promise<Server> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => link(state, near));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function destroy({ near, far }: Link): void {
  near.resetAndDestroy();
  far.resetAndDestroy();
}

function link(state: State, near: Socket): void {
  const far = net.connect({ port: state.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const held: (() => void)[] = [];
  const release = (): void => {
    for (const run of held.splice(0)) run();
  };
  const made: Link = { near, far, isDead: false, release };
  state.links.add(made);
  const hold = (run: () => void): void => void (state.mode === 'silent' || held.length > 0 ? held.push(run) : run());
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.setNoDelay(true);
    carry(state, made, from, to, hold);
  }
}

function carry(state: State, made: Link, from: Socket, to: Socket, hold: (run: () => void) => void): void {
  let isMute = false;
  /** Delayed bytes and ends in their order. A late timer must not change the order, which TCP guarantees. */
  const delayed: { dueAt: number; run: () => void }[] = [];
  const runDue = (): void => {
    while (delayed[0] && delayed[0].dueAt <= performance.now()) delayed.shift()?.run();
    if (delayed[0]) setTimeout(runDue, Math.max(delayed[0].dueAt - performance.now(), 1));
  };
  const later = (run: () => void): void => {
    if (state.delay === 0 && delayed.length === 0) return void run();
    delayed.push({ dueAt: performance.now() + state.delay, run });
    if (delayed.length === 1) runDue();
  };
  from.on('data', (chunk) => {
    if (made.isDead) return;
    isMute ||= state.mode === 'lose';
    if (!isMute) hold(() => later(() => to.writable && to.write(chunk)));
  });
  from.on('end', () => made.isDead || hold(() => later(() => to.end())));
  from.on('error', () => made.isDead || hold(() => to.resetAndDestroy()));
  from.on('close', () => {
    if (!made.isDead) hold(() => later(() => to.destroy()));
    if (from.destroyed && to.destroyed) state.links.delete(made);
  });
}
