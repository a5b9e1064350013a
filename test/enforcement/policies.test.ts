import { expect, inject, test } from 'vitest';
import { cloneDatabase } from '../support/database.ts';

/** What Citus does not enforce on the shards, or not support, although the migrations run. */
const { root } = await cloneDatabase();

test('no policy is restrictive, because it would be permissive on the shards', async () => {
  const policies = await root`
    select tablename, policyname, permissive from pg_policies where schemaname = 'public' order by 1, 2`;
  expect(policies.filter(({ permissive }) => permissive !== 'PERMISSIVE')).toEqual([]);
  expect(policies).toContainEqual({ tablename: 'checks', policyname: 'tenant', permissive: 'PERMISSIVE' });
});

test('no grant is on a column, because it would be missing on the shards', async () => {
  const columns = await root`
    select a.attrelid::regclass::text as name, a.attname as column, a.attacl::text as grants
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'public'::regnamespace and a.attacl is not null and not a.attisdropped`;
  expect(columns).toEqual([]);
});

test('a policy reads a setting once per statement, and on Citus without a subselect, which is not supported there', async () => {
  const policies = await root`
    select tablename as name, concat(qual, with_check) as text from pg_policies where schemaname = 'public'`;
  const reading = policies.filter(({ text }) => text.includes('ambit.'));
  expect(reading.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['organizations', 'checks', 'people', 'users']),
  );
  const isCitus = inject('engine') === 'citus';
  for (const { name, text } of reading)
    expect({ name, subselect: text.includes('SELECT'), direct: /(?<!SELECT )ambit\./.test(text) }).toEqual({
      ...{ name, subselect: !isCitus, direct: isCitus },
    });
});

test('no foreign key sets a part of itself to null, which Citus does not support with the distribution column', async () => {
  const keys = await root`
    select conname as name from pg_constraint c
    where contype = 'f' and connamespace = 'public'::regnamespace and confdeltype in ('n', 'd')
      and exists (select from pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey) and a.attname = 'organization_id')`;
  expect(keys).toEqual([]);
});
