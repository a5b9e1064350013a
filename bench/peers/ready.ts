import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Sends the URL of this server to the parent process. */
export function ready(address: AddressInfo | string | null, path = '/graphql'): void {
  process.send?.({ url: `http://127.0.0.1:${(address as AddressInfo).port}${path}` });
}

/** URL of the database and size of the pool. */
export const { DATABASE_URL = '', POOL = '' } = process.env;

/** Reads the body of a request. */
export async function text(req: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of req) body += chunk;
  return body;
}
