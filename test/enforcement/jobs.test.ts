import { getConstructionPlans } from 'pg-boss';
import { expect, test } from 'vitest';
import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { JOB_GRANTS, JOB_SCHEMA_VERSION } from '../../src/db/job-schema.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { JOB_NAMES, JOBS } from '../../src/lib/jobs.ts';
import { startApi } from '../support/api.ts';

/** The tables of pg-boss. They have no row-level security, because they contain no data of an organization but ids. */
const api = await startApi();
const { root } = api;

const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'];

test('the runtime role has only the listed rights on the tables of pg-boss', async () => {
  const rows = await root`
    select c.relname as table, p.name as privilege
    from pg_class c, unnest(${PRIVILEGES}::text[]) with ordinality as p (name, at)
    where c.relnamespace = 'pgboss'::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
      and has_table_privilege(${RUNTIME_ROLE}, c.oid, p.name) order by 1, p.at`;
  const granted = Object.groupBy(rows, (row) => row['table'] as string);
  const rights = Object.entries(granted).map(([table, own]) => [table, own?.map((row) => row['privilege'])]);
  expect(Object.fromEntries(rights)).toEqual(JOB_GRANTS);
  const callable = await root`
    select proname as name from pg_proc
    where pronamespace = 'pgboss'::regnamespace and has_function_privilege(${RUNTIME_ROLE}, oid, 'EXECUTE')`;
  expect(callable.map(({ name }) => name)).toEqual(['job_now']);
  const owners = await root`
    select distinct pg_get_userbyid(relowner) as owner from pg_class where relnamespace = 'pgboss'::regnamespace`;
  expect(owners.map(({ owner }) => owner)).not.toContain(RUNTIME_ROLE);
});

test.each([
  'create table pgboss.mine ()',
  "select pgboss.create_queue('mine', '{}')",
  `insert into pgboss.queue select * from pgboss.queue`,
  'drop table pgboss.job',
  'alter table pgboss.job_common add column secret text',
  'truncate pgboss.job_common',
  'create schema mine',
])('the runtime role is not allowed to %s', async (statement) => {
  await expect(api.sql.unsafe(statement)).rejects.toThrow(/permission denied|must be owner/);
});

test('every payload accepts ids only', () => {
  for (const name of JOB_NAMES) {
    const shape = JOBS[name].payload.toJSONSchema() as { properties: object; additionalProperties: boolean };
    expect(shape.additionalProperties, name).toBe(false);
    const formats = Object.values(shape.properties).map((property) => JSON.stringify(property));
    expect(
      formats.filter((text) => !text.includes('"format":"uuid"')),
      name,
    ).toEqual([]);
  }
});

test('the version of the tables is that of the installed pg-boss, and each job has a queue', async () => {
  expect(getConstructionPlans('pgboss')).toContain(
    `INSERT INTO pgboss.version(version) VALUES ('${JOB_SCHEMA_VERSION}')`,
  );
  expect(await root`select version from pgboss.version`).toEqual([{ version: JOB_SCHEMA_VERSION }]);
  const queues = await root`select name from pgboss.queue order by 1`;
  expect(queues.map(({ name }) => name)).toEqual(JOB_NAMES.toSorted());
});

test('a second migration changes nothing, and a changed setting of a queue is corrected', async () => {
  const state = async () =>
    JSON.stringify(
      await root`
      select (select json_agg(q order by name) from pgboss.queue q) as queues,
        (select json_agg(json_build_object('name', relname, 'acl', relacl::text, 'oid', oid::int, 'xmin', c.xmin::text) order by oid)
         from pg_class c where relnamespace = 'pgboss'::regnamespace) as tables,
        (select json_agg(json_build_object('name', proname, 'acl', proacl::text, 'xmin', p.xmin::text) order by oid)
         from pg_proc p where pronamespace = 'pgboss'::regnamespace) as functions`,
    );
  const before = await state();
  await migrateDatabase(api.url);
  expect(await state()).toBe(before);
  await root`update pgboss.queue set retry_limit = 99`;
  await migrateDatabase(api.url);
  const [row] = await root`select retry_limit from pgboss.queue where name = 'clean-up'`;
  expect(row?.['retry_limit']).toBe(JOBS['clean-up'].retries);
});
