import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { notServing } from '../../src/http/health.ts';

const at = (url: string) => ({ url, headers: {} }) as IncomingMessage;

test.each(['starting', 'stopping'] as const)(
  'a server that is %s is live, not ready, and refuses requests',
  (status) => {
    expect(notServing(at('/health/live'), status, 'the database')).toMatchObject({
      status: 200,
      body: '{"status":"ok"}',
    });
    expect(notServing(at('/health/ready'), status, 'the database')).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: JSON.stringify({ status, waitingFor: 'the database' }),
    });
    const refused = notServing(at('/graphql'), status, 'the database');
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(JSON.parse(String(refused.body)).errors).toMatchObject([
      { message: `The server is ${status}. Try again in a moment.`, extensions: { code: 'UNAVAILABLE' } },
    ]);
  },
);
