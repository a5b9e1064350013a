import { expect, test } from 'vitest';
import { cloneDatabase } from '../support/database.ts';
import { MIGRATIONS, rewritesOf } from '../support/rewrites.ts';

test('no migration rewrites a table, because other nodes serve requests during a migration', async () => {
  const { root } = await cloneDatabase('template0');
  expect(await rewritesOf(root, MIGRATIONS)).toEqual([]);
});

test.each([
  [
    'a type with another representation',
    'alter table categories alter column description type bytea using description::bytea',
  ],
  ['a wider integer', 'alter table levels alter column index type bigint'],
  [
    'a column with a volatile default',
    'alter table categories add column token uuid not null default gen_random_uuid()',
  ],
  ['TRUNCATE', 'truncate datasets'],
  ['a table that is dropped and created again', 'drop table datasets; create table datasets (id uuid)'],
])('%s is reported', async (_, statement) => {
  const { root } = await cloneDatabase();
  const [line, ...others] = await rewritesOf(root, [{ name: '9999_made_up', statements: [statement] }]);
  const [, table] = /(?:table|truncate) (\w+)/.exec(statement) ?? [];
  expect(line).toMatch(new RegExp(`^9999_made_up rewrites ${table}\\. .*CONTRIBUTING\\.md`));
  expect(others).toEqual([]);
});

test.each([
  ['text to varchar', 'alter table categories alter column description type varchar'],
  ['a column with a constant default', "alter table categories add column colour text not null default 'grey'"],
  [
    'a constraint in two steps',
    "alter table categories add constraint made_up check (name <> '') not valid; alter table categories validate constraint made_up",
  ],
  ['a new table', 'create table made_up (id uuid)'],
])('%s is not reported', async (_, statement) => {
  const { root } = await cloneDatabase();
  expect(await rewritesOf(root, [{ name: '9999_made_up', statements: [statement] }])).toEqual([]);
});
