import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import postgres, { type Sql } from 'postgres';
import { afterAll, describe, expect, test } from 'vitest';
import { migrateDatabase } from '../src/db/migrate.ts';
import { DEMO_PASSWORD } from '../src/startup/demo.ts';
import { examine } from '../src/startup/doctor/examine.ts';
import type { Json } from './support/api.ts';
import { has } from './support/packages.ts';
import { type OwnServer, PROGRAMS, startPostgresql15 } from './support/postgresql-15.ts';
import { queryServer, type Run, signIn, startAmbit, waitUntilReady } from './support/run.ts';

const folder = await mkdtemp(join(tmpdir(), 'ambit-backup-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const GUIDE = readFileSync('docs/operations.md', 'utf8');

/** The code block of the guide that contains this text. */
function fromGuide(language: 'sh' | 'sql', text: string): string {
  const blocks = [...GUIDE.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms)].filter(([, , name]) => name === language);
  const [block, ...more] = blocks.map(([, , , code = '']) => code).filter((code) => code.includes(text));
  expect([block, more]).toEqual([expect.anything(), []]);
  return block ?? '';
}

/** Runs a code block of the guide in a shell. */
const runShell = (code: string, env: Record<string, string>): Promise<unknown> =>
  promisify(execFile)('sh', ['-eu', '-c', code], {
    env: { PATH: [PROGRAMS, process.env['PATH']].join(delimiter), ...env },
  });

async function started(env: Record<string, string>): Promise<Run> {
  const server = await startAmbit(env);
  afterAll(() => void server.process.kill('SIGKILL'));
  await waitUntilReady(server);
  return server;
}

async function stopped(server: Run): Promise<void> {
  server.process.kill('SIGTERM');
  expect(await server.ended).toBe(0);
}

/** What `doctor` finds that is not ok. */
async function problems(env: Record<string, string>): Promise<string[]> {
  const found: string[] = [];
  await examine(env, ({ name, findings }) => {
    for (const { status, text } of findings) if (status !== 'ok') found.push(`${status} ${name} ${text}`);
  });
  // A busy machine may have slow round trips.
  return found.filter((text) => !text.includes('per round trip'));
}

const CHECKS = '{ checks { nodes { name } } }';
const names = async (server: Run, token: string): Promise<unknown> => {
  const { data, errors } = (await queryServer(server.address, token, CHECKS)) as Json;
  return data?.checks.nodes.map(({ name }: Json) => name) ?? errors[0].extensions.code;
};

/** Runs a mutation that must succeed, and returns its payload. */
async function change(server: Run, token: string, mutation: string): Promise<Json> {
  const { data } = (await queryServer(server.address, token, `mutation { change: ${mutation} }`)) as Json;
  expect(data.change.errors).toEqual([]);
  return data.change;
}

describe.skipIf(!has('postgresql-15'))('needs postgresql-15: a dump and its restore', () => {
  const PASSWORDS = { OWNER_DATABASE_PASSWORD: "owner's", NODE_DATABASE_PASSWORD: 'node-secret' };
  const servers: OwnServer[] = [];
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  /** The variables of a node, which does not have the owner's password. */
  const nodeOf = (server: OwnServer): Record<string, string> => ({
    DATABASE_URL: server.url('ambit', 'ambit_node', PASSWORDS.NODE_DATABASE_PASSWORD),
    PUBLIC_URL: 'http://ambit.test',
    ENCRYPTION_KEY: 'ab'.repeat(32),
  });
  const ownerOf = (server: OwnServer): string => server.url('ambit', 'ambit', PASSWORDS.OWNER_DATABASE_PASSWORD);
  const rootOf = (server: OwnServer): Sql => {
    const sql = postgres(server.url('ambit'), { max: 1, onnotice: () => undefined });
    afterAll(() => sql.end());
    return sql;
  };

  /** All rows of all tables, by table. */
  async function rowsOf(sql: Sql): Promise<Record<string, unknown>> {
    const tables = await sql`select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname in ('public', 'drizzle', 'pgboss') order by 1`;
    const rows: Record<string, unknown> = {};
    for (const { name } of tables)
      rows[name] = (await sql.unsafe(`select to_jsonb(t)::text as row from ${name} t order by 1`)).map(
        ({ row }) => row,
      );
    return rows;
  }

  test('keeps all rows, roles and row-level security, and revives what was revoked after the dump', async () => {
    const [source, target] = await Promise.all([startPostgresql15(), startPostgresql15()]);
    servers.push(source, target);
    await runShell(
      'createdb --maintenance-db="$SUPERUSER_URL" ambit; psql "$RESTORED_URL" --quiet --set=ON_ERROR_STOP=1 --file=docs/roles.sql',
      {
        ...PASSWORDS,
        ...{ SUPERUSER_URL: source.url('postgres'), RESTORED_URL: source.url('ambit') },
      },
    );
    await migrateDatabase(ownerOf(source));

    const first = await started(nodeOf(source));
    const account = `email: "owner@backup.test", password: "${DEMO_PASSWORD}"`;
    const { session } = await change(
      first,
      '',
      `signUp(input: { ${account}, name: "Owner" }) { session { accessToken } errors { code } }`,
    );
    const created = await change(
      first,
      session.accessToken,
      'createOrganization(input: { name: "Backup", slug: "backup" }) { organization { id } errors { code } }',
    );
    expect(created.organization).toBeTruthy();
    const accessToken = (await signIn(first.address, 'owner@backup.test')) ?? '';
    const { data } = (await queryServer(
      first.address,
      accessToken,
      '{ categories { nodes { id } } levels { nodes { id } } }',
    )) as Json;
    await change(
      first,
      accessToken,
      `createCheck(input: { name: "Kept", category: { id: "${data.categories.nodes[0].id}" }, level: { id: "${data.levels.nodes[0].id}" } }) { errors { code } }`,
    );
    const token = async (name: string): Promise<Json> =>
      await change(
        first,
        accessToken,
        `createApiToken(input: { name: "${name}", access: READ }) { secret apiToken { id } errors { code } }`,
      );
    const [kept, leaked] = [await token('kept'), await token('leaked')];

    const roots = { source: rootOf(source), target: rootOf(target) };
    await roots.source.unsafe(fromGuide('sql', 'create role ambit_backup'));
    const dump = fromGuide('sh', 'pg_dump').replaceAll('ambit.dump', join(folder, 'ambit.dump'));
    const HOST_AND_PORT = new URL(source.url('ambit')).host;
    // The owner of the tables gets an error instead of a dump that lacks rows.
    await expect(runShell(dump.replace('ambit_backup:secret', 'ambit:x'), { HOST_AND_PORT })).rejects.toThrow(
      'row-level security',
    );
    await runShell(dump, { HOST_AND_PORT });
    const before = await rowsOf(roots.source);
    expect(before['public.checks']).toHaveLength(1);
    await change(first, accessToken, `deleteApiToken(input: { id: "${leaked.apiToken.id}" }) { errors { code } }`);
    expect(await names(first, leaked.secret)).toBe('UNAUTHENTICATED');
    await stopped(first);

    await runShell(fromGuide('sh', 'pg_restore').replaceAll('ambit.dump', join(folder, 'ambit.dump')), {
      ...PASSWORDS,
      ...{ SUPERUSER_URL: target.url('postgres'), RESTORED_URL: target.url('ambit') },
    });
    expect(await rowsOf(roots.target)).toEqual(before);
    const environment = { ...nodeOf(target), MIGRATION_DATABASE_URL: ownerOf(target) };
    expect(await problems(environment)).toEqual([expect.stringContaining('may create temporary tables')]);
    expect(await migrateDatabase(ownerOf(target))).toBe(0);
    expect(await problems(environment)).toEqual([]);
    for (const login of [nodeOf(target)['DATABASE_URL'] ?? '', ownerOf(target)]) {
      const sql = postgres(login, { max: 1 });
      expect(await sql`select from checks`).toHaveLength(0);
      await sql.end();
    }

    const second = await started(nodeOf(target));
    expect(await names(second, accessToken)).toEqual(['Kept']);
    expect(await names(second, kept.secret)).toEqual(['Kept']);
    // Why the guide says to decide about credentials.
    expect(await names(second, leaked.secret)).toEqual(['Kept']);
    const restored = (await signIn(second.address, 'owner@backup.test')) ?? '';
    expect(await names(second, restored)).toEqual(['Kept']);
    await roots.target.unsafe(fromGuide('sql', 'delete from sessions'));
    for (const credential of [accessToken, restored, kept.secret, leaked.secret])
      expect(await names(second, credential)).toBe('UNAUTHENTICATED');
    expect(await names(second, (await signIn(second.address, 'owner@backup.test')) ?? '')).toEqual(['Kept']);
    await stopped(second);

    const signed = (await roots.target`select kid from signing_keys`).map(({ kid }) => kid);
    await roots.target.unsafe(fromGuide('sql', 'delete from signing_keys'));
    const third = await started(nodeOf(target));
    expect(await names(third, (await signIn(third.address, 'owner@backup.test')) ?? '')).toEqual(['Kept']);
    const { keys } = (await (await fetch(`${third.address}/.well-known/jwks.json`)).json()) as Json;
    expect(keys.filter(({ kid }: Json) => signed.includes(kid))).toEqual([]);
    expect(await problems(environment)).toEqual([]);
    await stopped(third);
  });

  test('the guide repairs directories that differ from their sources', async () => {
    const [, target] = servers as [OwnServer, OwnServer];
    const [sql, environment] = [rootOf(target), { ...nodeOf(target), MIGRATION_DATABASE_URL: target.url('ambit') }];
    await sql`delete from memberships`;
    await sql`update organization_slugs set slug = 'other'`;
    await sql`insert into organization_secrets (hash, organization_id) select 'x', id from organizations`;
    await sql`update people set name = 'Other'`;
    expect((await problems(environment)).filter((text) => text.startsWith('fail directories'))).toHaveLength(4);
    await sql.unsafe(fromGuide('sql', 'lock organization_slugs'));
    expect((await problems(environment)).filter((text) => text.startsWith('fail'))).toEqual([]);
  });
});

describe('the embedded database', () => {
  test('is copied while Ambit is stopped, and doctor checks it whether it runs or not', async () => {
    const [data, copy] = [join(folder, 'data'), join(folder, 'copy')];
    const first = await started({ DATA_DIR: data });
    const token = (await signIn(first.address)) ?? '';
    await change(first, token, 'updateRubric(input: { name: "Kept" }) { errors { code } }');
    expect(await problems({ DATA_DIR: data })).toEqual([]);
    await stopped(first);

    const code = fromGuide('sh', 'cp -a').replace('backup', copy).replace('.ambit', data);
    await runShell(code, {});
    expect(await problems({ DATA_DIR: copy })).toEqual([]);
    const second = await started({ DATA_DIR: copy });
    const query = '{ rubric { name } checks { totalCount } }';
    expect(await queryServer(second.address, (await signIn(second.address)) ?? '', query)).toEqual({
      data: { rubric: { name: 'Kept' }, checks: { totalCount: 27 } },
    });
    await stopped(second);
  });
});
