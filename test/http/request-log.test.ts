import { DrizzleQueryError } from 'drizzle-orm';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { describeError, errorLines } from '../../src/lib/log.ts';
import { type ApiResponse, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { addMember, createOrganization } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const reader = await addMember(api, acme, 'read');

/** The log entries of this request. */
async function entriesOf({ headers }: Pick<ApiResponse, 'headers'>): Promise<Record<string, unknown>[]> {
  const requestId = headers.get('x-request-id');
  const own = () => [...api.logged, ...api.requests].filter((entry) => entry['requestId'] === requestId);
  await until(() => own().some(({ message }) => message === 'request'));
  return own();
}

const number = expect.any(Number);

test('each request is logged as one line with its cost and its outcome', async () => {
  expect(await entriesOf(await acme.owner.query('query Checks { checks { totalCount } }'))).toEqual([
    {
      level: 'info',
      message: 'request',
      requestId: expect.any(String),
      route: '/graphql',
      operation: 'Checks',
      principal: acme.owner.userId,
      organization: acme.id,
      status: 200,
      outcome: 'OK',
      durationMs: number,
      waitedMs: number,
      statements: number,
    },
  ]);
});

test('the log line contains each error code once', async () => {
  const REFUSED =
    'mutation { a: deleteCheck(input: { check: { id: "x" } }) { deletedId } b: deleteCheck(input: { check: { id: "y" } }) { deletedId } }';
  expect(await entriesOf(await reader.query(REFUSED))).toMatchObject([{ outcome: 'FORBIDDEN', status: 200 }]);
  const stranger = await api.as('ambit_pat_wrong').query('{ __typename }');
  expect(await entriesOf(stranger)).toMatchObject([{ outcome: 'UNAUTHENTICATED', status: 401, principal: null }]);
  const invalid = await acme.owner.query('{ nothing }');
  expect(await entriesOf(invalid)).toMatchObject([{ outcome: 'BAD_REQUEST', operation: null }]);
});

test('an unknown path is not logged', async () => {
  const response = await fetch(`${api.address}/integrations/secret`);
  expect(await entriesOf(response)).toMatchObject([{ route: 'none', status: 404, outcome: 'FAILED' }]);
  expect(JSON.stringify(api.requests)).not.toContain('integrations');
});

test.each([
  ['users', 'created_at'],
  ['passwords', 'hash'],
])('a statement that fails is logged without its parameters: %s', async (table, column) => {
  const input = { email: `logged-${table}@ambit.test`, password: 'a secret of mine', name: 'Logged' };
  await api.root.unsafe(`alter table ${table} rename column ${column} to away`);
  const answer = await api
    .as()
    .query('mutation ($input: SignUpInput!) { signUp(input: $input) { errors { code } } }', { input });
  await api.root.unsafe(`alter table ${table} rename column away to ${column}`);
  expect(answer.errors).toMatchObject([{ extensions: { code: 'INTERNAL' } }]);
  const entries = await entriesOf(answer);
  const failed = new RegExp(`Failed query: insert into "${table}"[\\s\\S]+caused by .*42703`);
  expect(entries).toMatchObject([
    { level: 'error', error: expect.stringMatching(failed) },
    { message: 'request', outcome: 'INTERNAL' },
  ]);
  expect(JSON.stringify(entries)).not.toMatch(/logged-|secret of mine|argon2/i);
});

test('a value that the database rejects is not logged', () => {
  const error = new postgres.PostgresError({ message: 'invalid input syntax for type uuid: "my secret"' } as never);
  Object.assign(error, { code: '22P02', severity: 'ERROR' });
  expect(describeError(error)).toContain('22P02');
  expect(describeError(new Error('outer', { cause: error }))).not.toContain('my secret');
});

test('a parameter that looks like a line of a stack trace is not logged either', () => {
  const parameters = ['text\n    at somewhere', 'my secret'];
  const described = describeError(new DrizzleQueryError('select $1, $2', parameters, new Error('no')));
  expect(described).toContain('Failed query: select $1, $2\n    at ');
  expect(described).not.toContain('my secret');
  expect(described).not.toContain('somewhere');
});

test('a statement that fails in a mutation is logged without its parameters', async () => {
  const slow = await startApi({ client: { lockTimeout: 60_000, statementTimeout: 100 } });
  const SIGN_UP = 'mutation ($i: SignUpInput!) { signUp(input: $i) { errors { code } } }';
  const input = { email: 'logged@example.test', password: 'my-secret-password', name: 'Logged' };
  await slow.root.begin(async (sql) => {
    await sql`lock table users in share row exclusive mode`;
    const { errors } = await slow.as().query(SIGN_UP, { i: input });
    expect(errors).toMatchObject([{ extensions: { code: expect.stringMatching(/UNAVAILABLE|CONFLICT|INTERNAL/) } }]);
  });
  const entries = JSON.stringify([slow.logged, slow.requests]);
  expect(entries).not.toMatch(/logged@example|my-secret|argon2id/);
  expect(slow.requests.length).toBeGreaterThan(0);
});

test('the message of a failed start contains no parameters', () => {
  const cause = new Error('canceling statement');
  const error = new DrizzleQueryError('insert into users values ($1)', ['$argon2id$secret'], cause);
  expect(errorLines(error)).toBe('ambit: canceling statement\n');
  expect(errorLines(new Error('one\ntwo'))).toBe('ambit: one\nambit: two\n');
});
