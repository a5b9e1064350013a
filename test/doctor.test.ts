import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { SMTPServer } from 'smtp-server';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { encryptionOf, readConfig } from '../src/config.ts';
import { migrateDatabase } from '../src/db/migrate.ts';
import { inTransaction } from '../src/db/transaction.ts';
import type { Encryption } from '../src/lib/encryption.ts';
import { newId } from '../src/lib/ids.ts';
import { placeOfSecret } from '../src/resources/invitation/send.ts';
import { checkClock } from '../src/startup/doctor/clock.ts';
import { examineConfiguration } from '../src/startup/doctor/configuration.ts';
import { checkMigrations } from '../src/startup/doctor/database.ts';
import { checkDirectories } from '../src/startup/doctor/directories.ts';
import { checkEncryption } from '../src/startup/doctor/encryption.ts';
import { examine } from '../src/startup/doctor/examine.ts';
import { type Finding, ok, type Result, runCheck } from '../src/startup/doctor/finding.ts';
import { checkJobs } from '../src/startup/doctor/jobs.ts';
import { checkMail } from '../src/startup/doctor/mail.ts';
import { checkRedis } from '../src/startup/doctor/redis.ts';
import { linesOf, redact, secretsOf } from '../src/startup/doctor/report.ts';
import { checkRoles } from '../src/startup/doctor/roles.ts';
import { checkRowLevelSecurity } from '../src/startup/doctor/row-level-security.ts';
import { ENCRYPTION_KEY, startApi } from './support/api.ts';
import { has } from './support/packages.ts';
import { freePort, QUICK_START } from './support/run.ts';
import { until } from './support/until.ts';
import { addMember, createApiToken, createOrganization } from './support/world.ts';

const api = await startApi();
const isCitus = inject('engine') === 'citus';
// A clone lacks the privileges of the database, as a restored database does.
await migrateDatabase(api.url);
const acme = await createOrganization(api, 'acme');
await createApiToken(api, await addMember(api, acme, 'user'), 'READ');

/** Runs the command. Returns the exit code and the output. */
async function doctor(env: Record<string, string>): Promise<[unknown, string]> {
  const child = spawn('node', [...QUICK_START, 'src/main.ts', 'doctor'], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return [code, output];
}

const statusesOf = (results: readonly Result[]): Record<string, string> =>
  Object.fromEntries(results.map(({ name, findings }) => [name, findings.map(({ status }) => status).join()]));

async function resultsFor(environment: Record<string, string>): Promise<Result[]> {
  const results: Result[] = [];
  await examine(environment, (result) => results.push(result));
  return results;
}

/** A login of the test's server that is deleted after the test. */
async function createLogin(rights: string): Promise<string> {
  const name = `login_${newId().replaceAll('-', '')}`;
  await api.root.unsafe(`create role ${name} login password 'hunter2' ${rights}`);
  onTestFinished(async () => void (await api.root.unsafe(`drop owned by ${name}; drop role ${name}`)));
  return Object.assign(new URL(api.url), { username: name, password: 'hunter2' }).href;
}

test('doctor prints one aligned line for each finding, and exits with code 0 if nothing fails', async () => {
  const DATABASE_URL = await createLogin('in role ambit_runtime');
  const [code, output] = await doctor({ DATABASE_URL, MIGRATION_DATABASE_URL: api.url, ENCRYPTION_KEY });
  expect(
    output
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => line.replace(/[\d.]+ ms/, 'N ms').trim()),
  ).toEqual([
    expect.stringMatching(/^ok {4}configuration {7}3 of \d+ variables are set, all valid \(not production\)\.$/),
    expect.stringMatching(/^(ok|warn) {2,4}database {12}PostgreSQL 1\d\.\d+, N ms per round trip\./),
    'ok    requests            Requests can connect, and row-level security applies to them.',
    'ok    migrations          The database has all migrations.',
    'ok    roles               ambit_runtime, ambit_lookup own nothing and cannot bypass row-level security.',
    expect.stringMatching(
      /^ok {4}row-level security {2}\d+ tables force row-level security, and have their policies and grants\.$/,
    ),
    'ok    directories         organization_slugs, organization_secrets, memberships, people agree with their sources.',
    `ok    cluster             ${isCitus ? '2 nodes of the Citus cluster reach each other.' : 'The database is one server, not a Citus cluster.'}`,
    expect.stringMatching(/^ok {4}encryption {10}1 stored secret can be decrypted with the key \w{8}\.$/),
    'ok    jobs                0 jobs queued, 0 running, none failed.',
    'ok    clock               This machine and the database differ by N ms.',
    'ok    redis               REDIS_URL is not set: each node counts requests alone.',
    'ok    mail                SMTP_URL is not set: mail is written to the log.',
    expect.stringMatching(/^1\d ok/),
  ]);
  expect(output).not.toContain('hunter2');
  expect(code).toBe(0);
});

test('doctor reports every other check when the configuration, the database and the mail server fail, and prints no password', async () => {
  const [code, output] = await doctor({
    PORT: 'many',
    DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/x',
    REDIS_URL: 'redis://root:hunter2@127.0.0.1:1',
    SMTP_URL: 'smtp://root:hunter2@127.0.0.1:1',
  });
  expect(output.trim().split('\n').filter(Boolean)).toEqual([
    'fail  configuration       PORT: must be an integer from 0 to 65535, not "many".',
    expect.stringMatching(
      /^ {2}fail {2}database {12}The database cannot be reached: .*ECONNREFUSED.*\. Correct DATABASE_URL/,
    ),
    expect.stringMatching(/^ {2}fail {2}redis {15}127\.0\.0\.1:1 cannot be used, .*ECONNREFUSED.*\. Correct REDIS_URL/),
    expect.stringMatching(/^ {2}fail {2}mail {16}127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED.*\. Correct SMTP_URL/),
    '  4 failures',
  ]);
  expect(output).not.toContain('hunter2');
  expect(code).toBe(1);
});

test('a check whose variable is not valid is not run, and the others are', async () => {
  const results = await resultsFor({ DATABASE_URL: 'mysql://root:hunter2@localhost/x', SMTP_URL: 'http://x' });
  expect(statusesOf(results)).toEqual({ configuration: 'fail,fail', database: 'warn', redis: 'ok', mail: 'warn' });
  expect(JSON.stringify(results)).not.toContain('hunter2');
});

test('a wrong password and a missing database are reported by the database check', async () => {
  const url = (change: object): string => Object.assign(new URL(api.url), change).href;
  for (const [DATABASE_URL, reason] of [
    [url({ pathname: '/missing' }), 'database "missing" does not exist'],
    // The test cluster requires no passwords, but it requires that the login exists.
    isCitus
      ? [url({ username: 'nobody' }), 'role "nobody" does not exist']
      : [url({ password: 'wrong' }), 'password authentication failed'],
  ] as const) {
    const [, database] = await resultsFor({ DATABASE_URL });
    expect(database).toMatchObject({ name: 'database', findings: [{ status: 'fail' }] });
    expect(database?.findings[0]?.text).toContain(reason);
  }
});

test('a check that does not end fails at its deadline, and one that throws fails with its message', async () => {
  const never = new Promise<Finding[]>(() => undefined);
  const throws = Promise.reject(new Error('broken\ntwice'));
  const results = await Promise.all([
    runCheck({ name: 'slow', deadlineMs: 50, run: () => never }),
    runCheck({ name: 'broken', run: () => throws }),
    runCheck({ name: 'good', run: async () => [ok('Good.')] }),
  ]);
  expect(results.flatMap(({ findings }) => findings)).toEqual([
    { status: 'fail', text: 'The check did not end within 0.05 s.' },
    { status: 'fail', text: 'The check failed: broken; twice.' },
    { status: 'ok', text: 'Good.' },
  ]);
});

test('colours are used only if requested, and secrets are replaced in what is printed', () => {
  const result = { name: 'mail', findings: [ok('Good.')] };
  expect(linesOf(result, { color: false, width: 6 })).toBe('  ok    mail    Good.\n');
  expect(linesOf(result, { color: true, width: 6 })).toBe('  \u001b[32mok  \u001b[39m  mail    Good.\n');
  const secrets = secretsOf({
    SMTP_URL: 'smtp://a:p%40ss@b',
    ENCRYPTION_KEY: 'k3y',
    HOST: 'here',
    PUBLIC_URL: 'https://x',
  });
  expect(redact('p%40ss p@ss k3y here https://x', secrets)).toBe('[redacted] [redacted] [redacted] here https://x');
});

const PRODUCTION = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://ambit.test',
  TRUSTED_PROXIES: '10.0.0.1',
  ENCRYPTION_KEY,
};

test('ENCRYPTION_KEY is required in production, also while there is no database', () => {
  const DATABASE_URL = 'postgres://database.test/ambit';
  const { findings, config } = examineConfiguration({ ...PRODUCTION, ENCRYPTION_KEY: '', DATABASE_URL });
  expect(findings).toEqual([
    { status: 'fail', text: expect.stringMatching(/^ENCRYPTION_KEY: required with NODE_ENV=production/) },
  ]);
  expect(config).toMatchObject({ production: true, databaseUrl: DATABASE_URL });
  expect(examineConfiguration({ ...PRODUCTION, NODE_ENV: '', ENCRYPTION_KEY: '' }).findings).toMatchObject([
    { status: 'ok' },
  ]);
});

test.each<[variable: string, Record<string, string>]>([
  ['PUBLIC_URL', { ...PRODUCTION, PUBLIC_URL: '' }],
  ['PUBLIC_URL', { ...PRODUCTION, PUBLIC_URL: 'http://ambit.test' }],
  ['TRUSTED_PROXIES', { ...PRODUCTION, TRUSTED_PROXIES: '' }],
  ['MAIL_FROM', { ...PRODUCTION, SMTP_URL: 'smtp://mail.test' }],
])('there is a warning about %s', (variable, environment) => {
  const warnings = (given: Record<string, string>): string[] =>
    examineConfiguration(given)
      .findings.filter(({ status }) => status === 'warn')
      .map(({ text }) => text);
  expect(warnings(environment)).toEqual([expect.stringContaining(variable)]);
  expect(warnings(PRODUCTION)).toEqual([]);
});

/** What a check finds after a change that is rolled back. */
async function afterChange(change: string, check: (sql: Sql) => Promise<Finding[]>): Promise<Finding[]> {
  let findings: Finding[] = [];
  const changed = api.root.begin(async (tx) => {
    await tx.unsafe(change);
    findings = await check(tx as unknown as Sql);
    throw new Error('undo');
  });
  await expect(changed).rejects.toThrow('undo');
  return findings;
}

test.each([
  ['alter table checks disable row level security', 'checks'],
  ['alter table api_tokens no force row level security', 'api_tokens'],
  ['create table forgotten (id int)', 'forgotten'],
  ['create view leak as select * from checks', 'leak'],
  ['drop policy tenant on checks', 'checks (SELECT of ambit_runtime)'],
  ['drop policy joins on principals', 'principals (INSERT of ambit_runtime)'],
  ['drop policy lookup on api_tokens', 'api_tokens (SELECT of ambit_lookup)'],
  ['alter policy tenant on checks using (true)', 'checks (policy tenant)'],
  ['alter policy tenant on organizations using (true)', 'organizations (policy tenant)'],
  ['alter policy self on users using (true)', 'users (policy self)'],
  ['create policy more on checks for select using (true)', 'checks (policy more)'],
  ['grant truncate on checks to ambit_runtime', 'checks (TRUNCATE of ambit_runtime)'],
  ['grant update on checks to ambit_lookup', 'checks (UPDATE of ambit_lookup)'],
  [
    'do $$ begin drop policy tenant_ends on sessions; drop policy self on sessions; end $$',
    'sessions (DELETE of ambit_runtime)',
  ],
  ['grant select on checks to public', 'checks (SELECT of PUBLIC)'],
  ['grant select on passwords to ambit_runtime', 'must not have: passwords (SELECT)'],
  ['grant delete on audit_events to ambit_runtime', 'must not have: audit_events (DELETE)'],
  ['revoke insert on checks from ambit_runtime', 'lacks: checks (INSERT)'],
])('a change of row-level security fails: %s', async (change, text) => {
  const findings = await afterChange(change, checkRowLevelSecurity);
  expect(findings.map(({ status }) => status)).toContain('fail');
  expect(findings.map((finding) => finding.text).join('\n')).toContain(text);
});

test('grants of other roles are a warning, and the migrated database has no finding', async () => {
  const change = 'create role ambit_test_reports; grant select on checks to ambit_test_reports';
  const [finding, ...more] = await afterChange(change, checkRowLevelSecurity);
  expect([finding, more]).toEqual([
    { status: 'warn', text: expect.stringContaining('Other roles have grants on tables: ambit_test_reports.') },
    [],
  ]);
  expect(await checkRowLevelSecurity(api.root)).toEqual([{ status: 'ok', text: expect.anything() }]);
});

test.each([
  ['alter role ambit_runtime superuser', 'ambit_runtime is a superuser'],
  ['alter role ambit_runtime bypassrls', 'ambit_runtime has BYPASSRLS'],
  ['alter role ambit_lookup bypassrls', 'ambit_lookup has BYPASSRLS'],
  ['alter role ambit_lookup createrole', 'ambit_lookup has CREATEROLE'],
  ['alter table checks owner to ambit_runtime', 'ambit_runtime owns tables or schemas'],
  ['grant create on schema public to ambit_runtime', 'ambit_runtime may create objects in a schema'],
  ['grant ambit_lookup to ambit_runtime', 'ambit_runtime is a member of another role'],
  [
    `do $$ begin execute format('grant temporary on database %I to ambit_runtime', current_database()); end $$`,
    'ambit_runtime may create temporary tables',
  ],
])('a right of a role fails: %s', async (change, text) => {
  const findings = await afterChange(change, (sql) => checkRoles(sql, { databaseUrl: undefined }));
  expect(findings).toContainEqual({ status: 'fail', text: expect.stringContaining(text) });
});

test('the login of DATABASE_URL is a warning if it owns the tables or bypasses row-level security', async () => {
  const login = new URL(await createLogin('in role ambit_runtime')).username;
  const find = (change: string) =>
    afterChange(change, (sql) => checkRoles(sql, { databaseUrl: `postgres://${login}@x/y` }));
  expect(await find('select 1')).toEqual([{ status: 'ok', text: expect.anything() }]);
  expect(await find(`alter role ${login} bypassrls`)).toEqual([
    { status: 'warn', text: expect.stringContaining(`The login ${login} of DATABASE_URL can bypass`) },
  ]);
  expect(await find(`alter table checks owner to ${login}`)).toEqual([
    { status: 'warn', text: expect.stringContaining(`The login ${login} of DATABASE_URL owns the tables`) },
  ]);
});

test('a missing migration fails', async () => {
  const change = `delete from drizzle.__drizzle_migrations
    where created_at = (select max(created_at) from drizzle.__drizzle_migrations)`;
  expect(await afterChange(change, checkMigrations)).toEqual([
    { status: 'fail', text: '1 migration missing. Run: npm start -- migrate' },
  ]);
  expect(await afterChange('update pgboss.version set version = 1', checkMigrations)).toEqual([
    { status: 'fail', text: 'The tables of the job queue are missing or old. Run: npm start -- migrate' },
  ]);
  expect(await checkMigrations(api.root)).toEqual([ok('The database has all migrations.')]);
});

test('directories are compared with their sources, also by an owner to whom row-level security applies', async () => {
  const owner = postgres(await createLogin('in role ambit_lookup'), { max: 1, onnotice: () => undefined });
  onTestFinished(() => owner.end());
  const all = 'organization_slugs, organization_secrets, memberships';
  const restricted = expect.stringContaining(`${all} agree with their sources. people was not compared, because`);
  expect(await checkDirectories(owner, 10_000)).toEqual([{ status: 'ok', text: restricted }]);
  expect(await checkDirectories(api.root, 10_000)).toEqual([ok(`${all}, people agree with their sources.`)]);

  const node = postgres(await createLogin('in role ambit_runtime'), { max: 1, onnotice: () => undefined });
  onTestFinished(() => node.end());
  expect(await checkDirectories(node, 10_000)).toEqual([
    { status: 'warn', text: expect.stringMatching(/^Not compared, .* Set MIGRATION_DATABASE_URL\.$/) },
  ]);

  await api.root`insert into organization_slugs (slug, organization_id) values ('left-over', ${newId()})`;
  await api.root`delete from organization_secrets`;
  await api.root`update people set name = 'Somebody else' where email like 'user%'`;
  const [slugs, secrets] = [
    /^organization_slugs has 1 row .* lacks 0\./,
    /^organization_secrets has 0 rows .* lacks 1\./,
  ];
  const failed = (...texts: RegExp[]) => texts.map((text) => ({ status: 'fail', text: expect.stringMatching(text) }));
  expect(await checkDirectories(owner, 10_000)).toEqual(failed(slugs, secrets));
  expect(await checkDirectories(api.root, 10_000)).toEqual(
    failed(slugs, secrets, /^people has 1 row without a source, and lacks 1\./),
  );
});

test('stored secrets of another key are a warning if they can be decrypted, and otherwise fail', async () => {
  const key = '11'.repeat(32);
  const check = (environment: Record<string, string>) => checkEncryption(api.root, api.url, readConfig(environment));
  const { encryption } = api.app.dependencies;
  const [invitation] = await api.root`
    insert into invitations (organization_id, id, email, hash, inviter_id, role_id, project_roles, expires_at)
    select organization_id, id, 'a@b.test', 'x', id, id, '[]', now() + interval '1 day' from principals limit 1
    returning organization_id, id`;
  const setSecret = async (by: Encryption) => {
    const secret = by.encrypt('secret', placeOfSecret(invitation?.['organization_id'], invitation?.['id']));
    await api.root`update invitations set secret = ${secret} where hash = 'x'`;
  };
  await setSecret(encryption);
  expect(await check({ ENCRYPTION_KEY })).toEqual([
    ok(`2 stored secrets can be decrypted with the key ${encryption.keyId}.`),
  ]);
  expect(await check({ ENCRYPTION_KEY: key, ENCRYPTION_KEY_PREVIOUS: ENCRYPTION_KEY })).toEqual([
    { status: 'warn', text: '2 of 2 stored secrets are not encrypted with ENCRYPTION_KEY. Run rotate-keys.' },
  ]);
  expect(await check({ NODE_ENV: 'production' })).toMatchObject([{ status: 'fail' }]);
  const unknown = /^the value is encrypted with the key \w+, which is not configured\. Set ENCRYPTION_KEY/;
  expect(await check({ ENCRYPTION_KEY: key })).toEqual([{ status: 'fail', text: expect.stringMatching(unknown) }]);
  await setSecret(encryptionOf(readConfig({ ENCRYPTION_KEY: key })));
  expect(await check({ ENCRYPTION_KEY })).toEqual([{ status: 'fail', text: expect.stringMatching(unknown) }]);
  await api.root`delete from invitations`;
});

describe.skipIf(!has('redis-server'))('needs redis-server: the check of Redis', () => {
  test('signs in with the password of REDIS_URL, and fails without it', async () => {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'ambit-doctor-'));
    const server = spawn('redis-server', [
      '--port',
      String(port),
      '--dir',
      folder,
      '--save',
      '',
      '--requirepass',
      'right',
    ]);
    onTestFinished(async () => {
      server.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    });
    await until(async () => (await checkRedis({ redisUrl: `redis://:right@127.0.0.1:${port}` }))[0]?.status === 'ok');
    expect(await checkRedis({ redisUrl: `redis://127.0.0.1:${port}` })).toEqual([
      { status: 'fail', text: expect.stringContaining('NOAUTH') },
    ]);
    expect(await checkRedis({ redisUrl: `redis://:hunter2@127.0.0.1:${port}` })).toMatchObject([{ status: 'fail' }]);
  });
});

test('a Redis server that never answers fails', async () => {
  const port = await listen(createServer());
  expect(await checkRedis({ redisUrl: `redis://127.0.0.1:${port}` }, 200)).toMatchObject([{ status: 'fail' }]);
});

test('jobs that no worker takes and jobs that failed are warnings', async () => {
  const { jobs } = api.app.dependencies;
  const enqueue = () =>
    inTransaction(api.pool, { organizationId: null, userId: null }, (db) =>
      jobs.enqueue(db, 'clean-up', { after: null }),
    );
  await enqueue();
  expect(await checkJobs(api.root)).toEqual([ok('1 job queued, 0 running, none failed.')]);
  await api.root`update pgboss.job_common set start_after = now() - interval '90 seconds'`;
  const failed = await enqueue();
  await api.root`update pgboss.job_common set state = 'failed', retry_count = 4, completed_on = now(),
    output = '{"message": "no\\nroute"}' where id = ${failed}`;
  expect(await checkJobs(api.root)).toEqual([
    { status: 'warn', text: expect.stringMatching(/^The oldest of 1 queued job has been waiting for 9\d s\. Start/) },
    { status: 'warn', text: '1 job failed and will not be retried. The newest:' },
    { status: 'warn', text: expect.stringMatching(`^clean-up ${failed}, .*, after 5 attempts: no route$`) },
  ]);
  await api.root`delete from pgboss.job_common`;
});

test.each([
  [0, 'ok', 'differ by'],
  [5_000, 'warn', 'ahead of'],
  [-5_000, 'warn', 'behind'],
  [100_000, 'fail', 'ahead of'],
])('a clock that differs by %i milliseconds is %s', async (difference, status, text) => {
  expect(await checkClock(api.root, () => Date.now() + difference)).toEqual([
    { status, text: expect.stringContaining(text) },
  ]);
});

/** Starts the server, which ends with the test. Returns its port. */
async function listen(server: Server | SMTPServer): Promise<number> {
  const inner = 'server' in server ? (server.server as Server) : server;
  server.listen(0, '127.0.0.1');
  await once(inner, 'listening');
  onTestFinished(() => void server.close());
  return (inner.address() as { port: number }).port;
}

test('the mail server is asked to accept the sign-in, and gets no mail', async () => {
  const received: string[] = [];
  const port = await listen(
    new SMTPServer({
      hideSTARTTLS: true,
      onAuth: ({ username, password }, _session, done) =>
        password === 'right' ? done(null, { user: username }) : done(new Error(`no such user ${password}`)),
      onMailFrom: ({ address }, _session, done) => {
        received.push(address);
        done();
      },
    }),
  );
  const check = (password: string) =>
    resultsFor({ SMTP_URL: `smtp://ambit:${password}@127.0.0.1:${port}`, MAIL_FROM: 'a@b.test', DATA_DIR: '/none' });
  expect((await check('right')).at(-1)).toEqual({
    name: 'mail',
    findings: [ok(`127.0.0.1:${port} accepts the sign-in. No mail was sent.`)],
  });
  expect(statusesOf(await check('hunter2'))).toMatchObject({ mail: 'fail' });
  expect(received).toEqual([]);
});

test('a mail server that never answers fails, and a missing one is a warning in production', async () => {
  const port = await listen(createServer());
  const config = readConfig({ SMTP_URL: `smtp://127.0.0.1:${port}` });
  expect(await checkMail(config, 200)).toEqual([
    { status: 'fail', text: expect.stringMatching(/^127\.0\.0\.1:\d+ cannot be used: .*\. Correct SMTP_URL/) },
  ]);
  expect(await checkMail(readConfig({ NODE_ENV: 'production' }))).toMatchObject([{ status: 'warn' }]);
  expect(await checkMail(readConfig({}))).toMatchObject([{ status: 'ok' }]);
});
