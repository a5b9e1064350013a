import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Tells who started this process where it listens. */
export function ready(address: AddressInfo | string | null, path = '/graphql'): void {
  process.send?.({ url: `http://127.0.0.1:${(address as AddressInfo).port}${path}` });
}

/** The address of the database and the size of the pool, the same for all. */
export const { DATABASE_URL = '', POOL = '' } = process.env;

/** The body of a request. */
export async function text(req: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of req) body += chunk;
  return body;
}
