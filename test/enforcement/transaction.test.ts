import { eq, sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { type Context, db, tenant } from '../../src/context.ts';
import { rowsOf } from '../../src/data/rows.ts';
import { builder } from '../../src/graphql/builder.ts';
import { mutation } from '../../src/graphql/mutation.ts';
import { categories } from '../../src/resources/category/table.ts';
import { buildSchema } from '../../src/schema.ts';
import { createProject } from '../decisions/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { addMember, createApiKey, createApiToken, createOrganization, executeMutation } from '../support/world.ts';
import { expectMasked, organizationUuid } from './support.ts';

/** Transaction modes without guards: these fields are public, and their resolvers write where they must not. */
const input = { name: 'Sneaked' };
const createCategory = rowsOf(categories, 'cat').insert;
const forTest = { public: true, nullable: true, description: 'For this test.' } as const;

builder.queryField('write', (t) =>
  t.boolean({ ...forTest, resolve: async (_root, _args, ctx) => Boolean(await createCategory(ctx, input)) }),
);

builder.queryField('unlockAndWrite', (t) =>
  t.boolean({
    ...forTest,
    resolve: async (_root, _args, ctx) => {
      await (await db(ctx)).execute(sql`set transaction read write`);
      return Boolean(await createCategory(ctx, input));
    },
  }),
);

const countCategories = async (ctx: Context): Promise<number> =>
  (await db(ctx)).$count(categories, eq(categories.organizationId, tenant(ctx)));

/** Runs between two reads of one response. */
let between = async (): Promise<void> => undefined;
const { promise: meantime, resolve: endMeantime } = Promise.withResolvers<void>();
builder.queryField('first', (t) =>
  t.int({
    ...forTest,
    resolve: async (_root, _args, ctx) => {
      const count = await countCategories(ctx);
      await between();
      endMeantime();
      return count;
    },
  }),
);
builder.queryField('second', (t) =>
  t.int({ ...forTest, resolve: (_root, _args, ctx) => meantime.then(() => countCategories(ctx)) }),
);

const Writer = builder.objectRef<object>('Writer').implement({
  description: 'For this test.',
  public: true,
  fields: (t) => ({
    write: t.boolean({ ...forTest, resolve: async (_p, _a, ctx) => Boolean(await createCategory(ctx, input)) }),
  }),
});

const naming = (name: string, work: (ctx: Context, name: string) => Promise<unknown>): void =>
  void mutation(name, {
    public: true,
    description: 'For this test.',
    input: (t) => ({ name: t.string({ required: true, description: 'Of the category.' }) }),
    results: { writer: { type: Writer, description: 'Writes after the mutation.' } },
    resolve: async (given, ctx) => {
      await work(ctx, given.name);
      return { writer: {} };
    },
  });

naming('writeOne', (ctx, name) => createCategory(ctx, { name }));
naming('writeTwice', async (ctx, name) => {
  await createCategory(ctx, { name });
  await createCategory(ctx, { name });
});
naming('writeAndThrow', async (ctx, name) => {
  await createCategory(ctx, { name });
  throw new Error(`insert into categories failed: ${name}`);
});
naming('swallow', async (ctx, name) => {
  await createCategory(ctx, { name });
  await createCategory(ctx, { name }).catch(() => undefined);
});
naming('divide', async (ctx) => {
  await (await db(ctx)).execute(sql`select 1 / 0`).catch(() => undefined);
});

const api = await startApi({ schema: buildSchema(), pool: 3 });
const acme = await createOrganization(api, 'acme');
const organization = organizationUuid(acme);
const admin = await addMember(api, acme, 'admin');
const readToken = await createApiToken(api, admin, 'READ');
const writeToken = await createApiToken(api, admin, 'WRITE');
const readKey = await createApiKey(api, admin, {
  projectId: await createProject(admin, 'main'),
  preset: 'READ_ONLY',
});

const isThere = async (name: string): Promise<boolean> =>
  (await api.root`select from categories where name = ${name}`).length > 0;
const eventsOf = (action: string) =>
  api.root`select outcome, reason, xmin::text from audit_events where action = ${action} order by id`;

const call = (name: string): string =>
  `mutation ($name: String!) { ${name}(input: { name: $name }) { errors { code } } }`;
const CREATE = `mutation ($name: String!) { createCategory(input: { name: $name }) { category { id } errors { code } } }`;

afterEach(async () => {
  await api.root`delete from categories where name = 'Sneaked'`;
});

test.each(['write', 'unlockAndWrite'])('PostgreSQL stops a query with the resolver %s', async (field) => {
  for (const caller of [admin, writeToken, readToken, readKey, api.as()]) {
    const answer = await caller.query(`{ ${field} }`);
    expectMasked(answer);
    expect(answer.data).toEqual({ [field]: null });
  }
  expect(await isThere('Sneaked')).toBe(false);
});

test('PostgreSQL stops an unguarded mutation with a READ token or key, and not with a WRITE token', async () => {
  for (const [caller, kind] of [
    [readToken, 'API token'],
    [readKey, 'API key'],
  ] as const) {
    const refused = await caller.query(call('writeOne'), { name: 'By token' });
    expect(refused.data).toEqual({ writeOne: null });
    expect(refused.errors).toEqual([
      expect.objectContaining({
        message: `This ${kind} is read-only.`,
        extensions: expect.objectContaining({ code: 'FORBIDDEN', reason: 'READ_ONLY_TOKEN' }),
      }),
    ]);
    expect(JSON.stringify(refused)).not.toMatch(/insert|read-only transaction|25006/i);
    expect(await isThere('By token')).toBe(false);
  }

  await executeMutation(writeToken, call('writeOne'), { name: 'By token' });
  expect(await isThere('By token')).toBe(true);
  expect(await eventsOf('writeOne')).toMatchObject([
    { outcome: 'REFUSED', reason: 'READ_ONLY_TOKEN' },
    { outcome: 'REFUSED', reason: 'READ_ONLY_TOKEN' },
    { outcome: 'ALLOWED' },
  ]);
});

test('a resolver in the payload of a mutation cannot write', async () => {
  const document = `mutation { writeOne(input: { name: "Written" }) { writer { write } errors { code } } }`;
  const answer = await admin.query(document);
  expectMasked(answer);
  expect(answer.data).toEqual({ writeOne: { writer: { write: null }, errors: [] } });
  expect([await isThere('Written'), await isThere('Sneaked')]).toEqual([true, false]);
});

test('a response reads one snapshot, without changes that are committed meanwhile', async () => {
  between = () => executeMutation(admin, CREATE, { name: 'In between' });
  const { data } = await admin.query('{ first second }');
  expect(await isThere('In between')).toBe(true);
  expect(data.second).toBe(data.first);
  between = async () => undefined;
  expect((await admin.query('{ second }')).data).toEqual({ second: data.first + 1 });
});

test('a mutation with a user error is rolled back, and the response has the error', async () => {
  const answer = await admin.query(call('writeTwice'), { name: 'Half' });
  expect(answer).toMatchObject({ data: { writeTwice: { errors: [{ code: 'TAKEN' }] } }, errors: undefined });
  expect(await isThere('Half')).toBe(false);
  expect(await eventsOf('writeTwice')).toMatchObject([{ outcome: 'REJECTED', reason: 'TAKEN' }]);
});

test.each(['writeAndThrow', 'swallow'])('the mutation %s is rolled back', async (field) => {
  const answer = await admin.query(call(field), { name: field });
  expectMasked(answer);
  expect(answer.data).toEqual({ [field]: null });
  expect(await isThere(field)).toBe(false);
  expect(await eventsOf(field)).toMatchObject([{ outcome: 'FAILED', reason: 'INTERNAL' }]);
  const requestId = answer.headers.get('x-request-id');
  expect(api.logged).toContainEqual(expect.objectContaining({ requestId, error: expect.stringContaining('Error') }));
});

test('a mutation that ignores a database error fails, with and without an audit event', async () => {
  for (const caller of [admin, api.as()]) {
    const answer = await caller.query(call('divide'), { name: 'Divided' });
    expectMasked(answer);
    expect(answer.data).toEqual({ divide: null });
  }
});

test('each mutation of a document has a separate transaction', async () => {
  const one = (alias: string, field: string): string =>
    `${alias}: ${field}(input: { name: "${alias}" }) { errors { code } }`;
  const answer = await admin.query(
    `mutation { ${one('a1', 'writeOne')} ${one('b1', 'writeAndThrow')} ${one('c1', 'writeOne')} }`,
  );
  expect(answer.data).toEqual({ a1: { errors: [] }, b1: null, c1: { errors: [] } });
  expect([await isThere('a1'), await isThere('b1'), await isThere('c1')]).toEqual([true, false, true]);
  const rows = await api.root`select xmin::text from categories where name in ('a1', 'c1')`;
  expect(new Set(rows.map((row) => row['xmin'])).size).toBe(2);
});

test('one transaction writes the change and its audit event', async () => {
  const { category } = await executeMutation(admin, CREATE, { name: 'Together' });
  const [row] = await api.root`select xmin::text from categories where name = 'Together'`;
  const events = await api.root`select xmin::text, outcome from audit_events where target_id = ${category.id}`;
  expect(events).toEqual([{ xmin: row?.['xmin'], outcome: 'ALLOWED' }]);
});

test('a change is rolled back when its audit event cannot be written, also on repeated tries', async () => {
  await api.root.unsafe(
    `create function public.fail() returns trigger language plpgsql as $$ begin raise 'no space left for audit_events'; end $$`,
  );
  await api.root`create trigger full_disk before insert on audit_events for each row execute function public.fail()`;
  // More tries than the pool has connections, because a failure must release its connection.
  const answers: Json[] = [];
  for (let time = 0; time < 5; time += 1) answers.push(await admin.query(CREATE, { name: 'Unseen' }));
  const refused = await readToken.query(CREATE, { name: 'Unseen' });
  await api.root`drop trigger full_disk on audit_events`;
  await api.root`drop function public.fail()`;

  for (const answer of [...answers, refused]) {
    expectMasked(answer);
    expect(answer.data).toEqual({ createCategory: null });
  }
  expect(await isThere('Unseen')).toBe(false);
  expect(
    await api.root`select from audit_events where organization_id = ${organization} and after->>'name' = 'Unseen'`,
  ).toEqual([]);

  await executeMutation(admin, CREATE, { name: 'Unseen' });
  expect(await isThere('Unseen')).toBe(true);
});
