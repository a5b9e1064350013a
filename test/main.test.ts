import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readConfig } from '../src/config.ts';
import { DEMO_ACCOUNTS } from '../src/startup/demo.ts';
import { ENCRYPTION_KEY, type Json } from './support/api.ts';
import { cloneDatabase } from './support/database.ts';
import { MIGRATIONS } from './support/rewrites.ts';
import { queryServer, type Run, runCommand, startAmbit as runIn, signIn, waitUntilReady } from './support/run.ts';
import { long } from './support/size.ts';

const folder = await mkdtemp(join(tmpdir(), 'ambit-main-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (env: Record<string, string> = {}): Promise<Run> => runIn({ DATA_DIR: join(folder, 'data'), ...env });

/** A stopped database server removes its lock file. A killed one does not. */
const databaseIsDown = (): boolean => !existsSync(join(folder, 'data/pgdata/postmaster.pid'));

/** Runs the printed curl command that contains this in a shell. */
async function runPrintedCommand(server: Run, part: string): Promise<string> {
  const line = server
    .output()
    .split('\n')
    .find((text) => text.includes('curl') && text.includes(part));
  const shell = spawn('sh', ['-c', line ?? 'false']);
  let answer = '';
  shell.stdout.on('data', (chunk) => (answer += chunk));
  await once(shell, 'close');
  return answer;
}

/** The level of a service of the demo, and the status and the message of its result from events. */
const PAYMENT = `{ service(alias: "payment") { level { name }
  checkResults(filter: { check: { alias: "has_no_critical_vulnerability" } }) { nodes { status message } } } }`;

const payment = (level: string, status: string, critical: number) => ({
  data: {
    service: {
      level: { name: level },
      checkResults: { nodes: [{ status, message: `Critical vulnerabilities: **${critical}**.` }] },
    },
  },
});

/** What is about time in the demo: a campaign in progress, a scorecard, and days before today. */
const PAST = `{ campaigns { nodes { status progress { passingServices days { passingServices } } } }
  scorecards { nodes { servicesReport { history(days: 90) { day } } } }
  servicesReport { history(days: 90) { levels { services level { name } } } } }`;

test('a first start creates a demo, the printed curl commands work, a second start keeps the data, and production refuses them', async () => {
  const first = await run();
  await waitUntilReady(first);
  for (const { email } of DEMO_ACCOUNTS) {
    expect(first.output()).toContain(email);
    expect(await signIn(first.address, email)).toBeDefined();
  }
  const token = (await signIn(first.address)) ?? '';
  expect(await queryServer(first.address, token, '{ checks { totalCount } }')).toEqual({
    data: { checks: { totalCount: 27 } },
  });
  expect(await runPrintedCommand(first, 'signIn')).toContain('"accessToken":"ey');

  const { data: past } = (await queryServer(first.address, token, PAST)) as Json;
  const [{ status, progress }] = past.campaigns.nodes;
  expect(status).toBe('IN_PROGRESS');
  expect(progress.days.length).toBeGreaterThan(25);
  expect(progress.passingServices).toBeGreaterThan(progress.days[0].passingServices);
  expect(past.scorecards.nodes[0].servicesReport.history.length).toBeGreaterThan(80);
  const goldOf = ({ levels }: Json): number => levels.find(({ level }: Json) => level?.name === 'Gold')?.services ?? 0;
  const history = past.servicesReport.history;
  expect(history.length).toBeGreaterThan(80);
  expect(goldOf(history.at(-1))).toBeGreaterThan(goldOf(history[0]));

  expect(await queryServer(first.address, token, PAYMENT)).toEqual(payment('Bronze', 'FAILED', 2));
  expect(await runPrintedCommand(first, '/integrations/custom-event/ambit_int_')).toMatch(/^\{"id":"ine_\w+"\}$/);
  await expect
    .poll(() => queryServer(first.address, token, PAYMENT), { timeout: 30_000 })
    .toEqual(payment('Gold', 'PASSED', 0));
  await queryServer(first.address, token, 'mutation { updateRubric(input: { name: "Kept" }) { errors { code } } }');
  first.process.kill('SIGINT');
  expect(await first.ended).toBe(0);
  expect(databaseIsDown()).toBe(true);

  // With PORT=0 the printed port is the real one.
  const second = await run({ PORT: '0', HOST: '0.0.0.0' });
  await waitUntilReady(second);
  const [, address = ''] = /ready: (http:\/\/localhost:\d+)\/graphql/.exec(second.output()) ?? [];
  expect([first.output(), second.output()].map((text) => text.includes('Warning: HOST='))).toEqual([false, true]);
  expect(second.output()).not.toContain('ambit_int_');
  const expected = { data: { rubric: { name: 'Kept' }, checks: { totalCount: 27 } } };
  const issuer = await queryServer(address, (await signIn(address)) ?? '', '{ rubric { name } checks { totalCount } }');
  expect(issuer).toEqual(expected);

  const third = await run();
  expect(await third.ended).toBe(1);
  expect(third.output()).toMatch(
    /^ambit: another process uses the database in .*; stop it, or set DATA_DIR to another folder\n$/,
  );
  second.process.kill('SIGTERM');
  expect(await second.ended).toBe(0);

  const production = await run({ NODE_ENV: 'production', ENCRYPTION_KEY });
  expect(await production.ended).toBe(1);
  expect(production.output()).toMatch(
    /^ambit: NODE_ENV: production does not start with the demo account owner@acme\.test, .*DATA_DIR.*\n$/,
  );
  expect(databaseIsDown()).toBe(true);
});

test('a port in use is an error of one line, and no database server keeps running', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const refused = await run({ PORT: String(port), DATA_DIR: join(folder, 'never') });
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toBe(
    `ambit: PORT: ${port} on 127.0.0.1 is in use by another process; set PORT to a free port\n`,
  );
  server.close();
});

/** Invalid values. The test reads the configuration in the same way as a start. */
const INVALID: [name: string, value: string][] = [
  ['PORT', 'many'],
  ['PORT', '70000'],
  ['PORT', '1e3'],
  ['NODE_ENV', 'prod'],
  ['SIGN_UP', 'closed'],
  ['CORS_ORIGINS', 'example.com'],
  ['CORS_ORIGINS', 'https://app.example.com/'],
  ['CORS_ORIGINS', 'https://app.example.com,https://app.example.com/path'],
  ['CORS_ORIGINS', '*'],
  ['CONTACT_MAIL_DOMAINS', '@example.com'],
  ['CONTACT_MAIL_DOMAINS', 'example.com,*.example.com'],
  ['TRUSTED_PROXIES', '10.0.0.0/99'],
  ['TRUSTED_PROXIES', '10.0.0.0/8,proxy'],
  ['RATE_LIMITS', 'projectsPerPerson'],
  ['RATE_LIMITS', 'projectsPerPerson=-1'],
  ['RATE_LIMITS', 'noSuchLimit=5'],
  ['MIGRATION_DATABASE_URL', 'postgres://root:hunter2@localhost/x'],
  ['SMTP_URL', 'http://root:hunter2@localhost'],
  ['PUBLIC_URL', 'ambit.example'],
  ['INVITATION_URL', 'javascript:alert(1)'],
  ['DATABASE_URL', 'mysql://root:hunter2@localhost/x'],
  ['INTROSPECTION', 'maybe'],
  ['METRICS_PORT', '70000'],
  ['METRICS_TOKEN', 'hunter2'],
  ['METRICS_TOKEN', 'hunter2 with spaces in it'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'grpc://root:hunter2@localhost:4317'],
  ['ENCRYPTION_KEY', 'hunter2'],
  ['ENCRYPTION_KEY', 'hunter2'.padEnd(45, 'x')],
  ['ENCRYPTION_KEY', '0'.repeat(63)],
  ['ENCRYPTION_KEY_PREVIOUS', ENCRYPTION_KEY],
];

function messageOf(environment: Record<string, string>): string {
  try {
    readConfig(environment);
    return 'valid';
  } catch (error) {
    return (error as Error).message;
  }
}

test.each(INVALID)('%s=%s is an error of one line that names the variable and contains no password', (name, value) => {
  expect(messageOf({ [name]: value })).toMatch(new RegExp(`^${name}: [^\\n]+$`));
  expect(messageOf({ [name]: value })).not.toContain('hunter2');
});

test('every invalid variable is reported with what it must be', () => {
  const DATABASE_URL = 'mysql://root:hunter2@localhost/x';
  expect(
    messageOf({ PORT: '70000', LOG_LEVEL: 'all', DATABASE_URL, CORS_ORIGINS: 'a.test', HOST: '::1' }).split('\n'),
  ).toEqual([
    'PORT: must be an integer from 0 to 65535, not "70000"',
    'DATABASE_URL: must be a URL with one host, such as postgres://user:password@host:5432/database',
    'CORS_ORIGINS: must be origins without a path or a slash at the end, such as https://app.example.com, separated by commas, not "a.test"',
    'LOG_LEVEL: must be error, warn, info or debug, not "all"',
  ]);
});

test('valid values of lists are accepted, and the defaults of production differ', () => {
  const lists = {
    CORS_ORIGINS: ' https://a.test , http://b.test:8080',
    TRUSTED_PROXIES: '10.0.0.0/8,::1',
    RATE_LIMITS: 'rolesPerPerson=7',
  };
  const { corsOrigins, trustedProxies, rateLimits } = readConfig(lists);
  expect({ corsOrigins, trustedProxies, roles: rateLimits.rolesPerPerson }).toEqual({
    corsOrigins: ['https://a.test', 'http://b.test:8080'],
    trustedProxies: ['10.0.0.0/8', '::1'],
    roles: 7,
  });
  expect(readConfig({})).toMatchObject({ signUp: 'open', introspection: 'public' });
  expect(readConfig({ NODE_ENV: 'production' })).toMatchObject({ signUp: 'invited', introspection: 'signed-in' });
  expect(readConfig({ NODE_ENV: 'production', SIGN_UP: 'open' })).toMatchObject({ signUp: 'open' });
});

test.each<[name: string, value: string]>([
  ...(long ? INVALID : INVALID.filter(([name]) => name === 'DATABASE_URL')),
  ['HOST', '999.1.1.1'],
  ['DATABASE_URL', 'postgres://nobody:hunter2@127.0.0.1:1/x'],
])('a start with %s=%s fails with one line that names the variable and contains no password', async (name, value) => {
  const refused = await run({ [name]: value, DATA_DIR: join(folder, 'bad') });
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toMatch(new RegExp(`^ambit: ${name}: [^\\n]+\\n$`));
  expect(refused.output()).not.toContain('hunter2');
});

test('a failing MIGRATION_DATABASE_URL is named, and a start with several invalid variables prints one line for each', async () => {
  const { url } = await cloneDatabase();
  const migration = await run({ DATABASE_URL: url, MIGRATION_DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/x' });
  const several = await run({ LOG_SQL: 'yes', NODE_ENV: 'prod' });
  expect([await migration.ended, await several.ended]).toEqual([1, 1]);
  expect(migration.output()).toMatch(/^ambit: MIGRATION_DATABASE_URL: the database cannot be used: [^\n]+\n$/);
  expect(migration.output()).not.toContain('hunter2');
  expect(several.output()).toMatch(/^ambit: LOG_SQL: must be [^\n]+\nambit: NODE_ENV: must be [^\n]+\n$/);
});

const createOwner = (env: Record<string, string>, args: string[], password: string): Promise<[unknown, string]> =>
  runCommand(env, ['create-owner', ...args], password);

test('no demo is created with DATABASE_URL or in production, and an empty production server prints a one-time secret', async () => {
  const { url } = await cloneDatabase();
  const own = await run({ DATABASE_URL: url });
  await waitUntilReady(own);
  expect([await signIn(own.address), /acme|ambit_set_/.test(own.output())]).toEqual([undefined, false]);
  own.process.kill('SIGTERM');
  expect(await own.ended).toBe(0);

  const production = await run({ NODE_ENV: 'production', ENCRYPTION_KEY, DATA_DIR: join(folder, 'production') });
  await waitUntilReady(production);
  expect([await signIn(production.address), production.output().includes('acme')]).toEqual([undefined, false]);
  const [secret = ''] = /ambit_set_[0-9a-f]{72}/.exec(production.output()) ?? [];
  const signUp = (email: string) =>
    queryServer(
      production.address,
      '',
      `mutation { signUp(input: { email: "${email}", password: "ambit-demo", name: "First", setupSecret: "${secret}" }) { errors { code } } }`,
    );
  expect(await signUp('first@ambit.test')).toEqual({ data: { signUp: { errors: [] } } });
  expect(await signUp('second@ambit.test')).toEqual({ data: { signUp: { errors: [{ code: 'NOT_FOUND' }] } } });
  production.process.kill('SIGTERM');
  expect(await production.ended).toBe(0);
});

test('create-owner creates an account that may create organizations, or gives an account this right', async () => {
  const { url, root } = await cloneDatabase();
  const env = { DATABASE_URL: url, SIGN_UP: 'invited' };
  const server = await run(env);
  await waitUntilReady(server);
  expect(await createOwner(env, ['no address'], 'ambit-demo')).toEqual([
    1,
    expect.stringMatching(/^ambit: email: [^\n]+\n$/),
  ]);
  expect(await createOwner(env, ['owner@ambit.test'], 'short')).toEqual([
    1,
    expect.stringMatching(/^ambit: password: [^\n]+\n$/),
  ]);
  expect(await createOwner(env, ['owner@ambit.test', 'The Owner'], 'ambit-demo')).toEqual([
    0,
    'The account owner@ambit.test was created. It may create organizations.\n',
  ]);
  const token = (await signIn(server.address, 'owner@ambit.test')) ?? '';
  const CREATE = 'mutation { createOrganization(input: { name: "Ambit", slug: "ambit" }) { errors { code } } }';
  const created = { data: { createOrganization: { errors: [] } } };
  expect(await queryServer(server.address, token, CREATE)).toEqual(created);
  expect(await root`select from setup_secrets`).toHaveLength(0);

  await root`update users set may_create_organizations = false`;
  const other = CREATE.replaceAll('ambit', 'other');
  expect(await queryServer(server.address, token, other)).not.toEqual(created);
  expect(await createOwner(env, ['Owner@ambit.test'], '')).toEqual([
    0,
    'The account Owner@ambit.test exists and may create organizations.\n',
  ]);
  expect(await queryServer(server.address, token, other)).toEqual(created);
  server.process.kill('SIGTERM');
  expect(await server.ended).toBe(0);
});

test('migrate migrates the database and ends, and a second run has nothing to do', async () => {
  const { url, root } = await cloneDatabase('template0');
  expect(await runCommand({ DATABASE_URL: url }, ['migrate'])).toEqual([
    0,
    `The database was migrated: ${MIGRATIONS.length} migrations were missing.\n`,
  ]);
  expect(await root`select from organizations`).toHaveLength(0);
  expect(await runCommand({ DATABASE_URL: url }, ['migrate'])).toEqual([
    0,
    'Nothing to do: the database has all migrations.\n',
  ]);
});

test('distribute migrates a plain database, refuses it with one line, and refuses the embedded server', async () => {
  const { url, root } = await cloneDatabase('template0');
  const message = (variable: string) =>
    `ambit: ${variable}: the database cannot be distributed: it does not have the Citus extension; on each node, run in this database: create extension citus\n`;
  expect(await runCommand({ DATABASE_URL: url }, ['distribute'])).toEqual([1, message('DATABASE_URL')]);
  const other = { DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/x', MIGRATION_DATABASE_URL: url };
  expect(await runCommand(other, ['distribute'])).toEqual([1, message('MIGRATION_DATABASE_URL')]);
  expect(await root`select rolname from pg_roles where rolname like 'ambit%' and rolcanlogin`).toEqual([]);
  expect(await runCommand({ DATA_DIR: join(folder, 'never') }, ['distribute'])).toEqual([
    1,
    expect.stringMatching(
      /^ambit: DATABASE_URL: must be [^\n]+ because the embedded server cannot be part of a cluster\n$/,
    ),
  ]);
});

const NO_REDIS = 'REDIS_URL is not set: each process counts requests per minute alone';

test('LOG_LEVEL and LOG_SQL control the log, and statements are logged without parameters', async () => {
  const { url } = await cloneDatabase();
  for (const [env, messages] of [
    [{ LOG_LEVEL: 'warn' }, ['sign-in failed']],
    [{ LOG_SQL: 'true' }, [NO_REDIS, 'request', 'sign-in failed', 'statement']],
  ] as const) {
    const server = await run({ DATABASE_URL: url, ...env });
    await waitUntilReady(server);
    expect(await signIn(server.address, 'nobody@logged.test')).toBeUndefined();
    server.process.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    const lines = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    // Whether a job runs before the end depends on the time.
    const logged = lines.map((line) => JSON.parse(line).message).filter((message) => message !== 'job completed');
    expect([...new Set(logged)].toSorted()).toEqual(messages);
    expect(server.output()).not.toMatch(/nobody@logged|ambit-demo/);
  }
});
