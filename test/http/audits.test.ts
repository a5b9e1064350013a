import { serverAudits } from 'graphql-http';
import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';

const api = await startApi();

test.each(serverAudits({ url: `${api.address}/graphql` }).map((audit) => [audit.name, audit] as const))(
  'GraphQL over HTTP: %s',
  async (_name, audit) => {
    const result = await audit.fn();
    expect(result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`).toBe('ok');
  },
);
