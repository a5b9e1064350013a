import { once } from 'node:events';
import { start, stop } from './server.ts';

/** A proxy in front of a database server, which delays each direction. */
export interface Proxy {
  /** Returns the URL of the proxy for a URL of the server. */
  url(of: string): string;
  stop(): Promise<void>;
}

/** Starts the proxy in its own process. All URLs must be of the same server. */
export async function startProxy(of: string, milliseconds: number): Promise<Proxy> {
  const { hostname, port } = new URL(of);
  const child = start('bench/peers/delay-proxy.ts', { TARGET: `${hostname}:${port}`, DELAY: String(milliseconds) });
  const [own] = (await once(child, 'message')) as [{ port: number }];
  const url = (other: string): string => {
    const changed = new URL(other);
    changed.port = String(own.port);
    return changed.href;
  };
  return { url, stop: () => stop(child) };
}
