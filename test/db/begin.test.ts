import { connect, type Socket } from 'node:net';
import { sql as query } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { queryRows } from '../../src/db/reader.ts';
import { inTransaction, type Mode } from '../../src/db/transaction.ts';
import { organizationUuid } from '../enforcement/support.ts';
import { type Api, startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';

const BEGIN = 'begin';
/** A syntax error of the same length. */
const INVALID = 'bogus';

/** How many of the next BEGIN statements fail. */
let failing = 0;
const failBegin = (): Socket => {
  const { hostname, port } = new URL(first.url);
  const socket = connect(Number(port), hostname);
  const write = socket.write.bind(socket);
  socket.write = ((chunk: Buffer, ...rest: []) => {
    const at = failing > 0 ? chunk.indexOf(BEGIN) : -1;
    if (at >= 0) {
      failing -= 1;
      chunk.write(INVALID, at);
    }
    return write(chunk, ...rest);
  }) as never;
  return socket;
};

const first: Api = await startApi();
const acme = await createOrganization(first, 'acme');
const api = await startApi({ pool: 1, database: first, client: { dial: failBegin } });
const binding = { organizationId: organizationUuid(acme), userId: null };

test.each([
  ['by resolvers', '{ organization { slug } }', { organization: { slug: 'acme' } }],
  ['by a planned statement', '{ categories(first: 0) { totalCount } }', { categories: { totalCount: 4 } }],
])('a query %s whose BEGIN failed runs again instead of finding nothing', async (_how, document, data) => {
  const send = async (): Promise<unknown> => {
    const response = await fetch(`${api.address}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${acme.owner.token}` },
      body: JSON.stringify({ query: document }),
    });
    return await response.json();
  };
  // From the second request on, the actor is cached.
  for (let round = 0; round < 3; round += 1) {
    expect(await send()).toEqual({ data });
    failing = 1;
  }
  expect(failing).toBe(1);
  failing = 0;
});

test.each<Mode>(['read only', 'read write'])('a %s transaction whose BEGIN failed fails as well', async (mode) => {
  failing = 1;
  const found = inTransaction(api.pool, binding, (db) => queryRows(db, query`select slug from organizations`), mode);
  await expect(found).rejects.toThrow();
  expect(failing).toBe(0);
  expect(api.logged).toContainEqual(expect.objectContaining({ message: 'database connection lost', cause: 'UNBOUND' }));
});
