import { once } from 'node:events';
import net, { type Server, type Socket } from 'node:net';

/**
 * `pass`: every byte goes through.
 * `delay`: it does so later.
 * `swallow`: bytes are lost. TCP keeps their order, so what follows a lost byte in its direction is lost for good.
 * `silent`: nothing goes through. Connections from before stay dead, also when the mode changes, and neither end learns
 * of it; new ones get through when the mode changes, as the repeated packets of a handshake would.
 */
export type Mode = 'pass' | 'delay' | 'swallow' | 'silent';

export interface NetworkProxy {
  readonly port: number;
  set(mode: Mode, delay?: number): void;
  /** Both ends of every connection learn that it is reset. */
  reset(): void;
  /** The server's end of every connection learns that nothing more comes; the database's end stays open. */
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
  /** Neither bytes nor ends go through any more. */
  isDead: boolean;
  /** Runs what had to wait for the end of the silence. */
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
      // The database learns by its own keepalive that these are gone. The server does not.
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
  /** Delayed bytes and ends, in their order. A late timer must not let later bytes overtake them, as TCP never does. */
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
    isMute ||= state.mode === 'swallow';
    if (!isMute) hold(() => later(() => to.writable && to.write(chunk)));
  });
  from.on('end', () => made.isDead || hold(() => later(() => to.end())));
  from.on('error', () => made.isDead || hold(() => to.resetAndDestroy()));
  from.on('close', () => {
    if (!made.isDead) hold(() => later(() => to.destroy()));
    if (from.destroyed && to.destroyed) state.links.delete(made);
  });
}
