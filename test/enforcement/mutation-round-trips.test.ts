import type { Socket } from 'node:net';
import { expect, inject, test } from 'vitest';
import { REFUSED, refusedAt, whole } from '../identity/support.ts';
import { type Api, type Caller, type Json, startApi } from '../support/api.ts';
import { countRoundTrips } from '../support/statements.ts';
import { until } from '../support/until.ts';
import { addMember, createApiToken, createOrganization, getRubric, mutate, setRole } from '../support/world.ts';
import { createAndGetId, organizationUuid, uuidOf } from './support.ts';

/**
 * A mutation of a declared resource begins with the cached actor. BEGIN, the check of the credential, the change, the audit
 * event and COMMIT share a round trip where possible. Responses and effects must be the same as without a cache.
 */
const first = await startApi();
const acme = await createOrganization(first, 'acme');
const rubric = await getRubric(acme.owner);
const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };
const projectId = await createAndGetId(acme.owner, 'createProject', { key: 'app', name: 'App' }, 'project');

/** The statement whose message is lost with its connection, and whether the database still gets it. */
let fault: { at: string; isDelivered: boolean } | null = null;
let isCommitDelivered = false;

const COMMIT = 'commit\0';

// One connection, so that a statement is prepared once.
const api: Api = await startApi({ database: first, pool: 1 });
const trips = countRoundTrips(api);
const dial = api.hooks.dial as () => Socket;
api.hooks.dial = () => {
  const socket = dial();
  const write = socket.write.bind(socket);
  socket.write = ((chunk: Buffer, ...rest: []) => {
    if (!fault || !chunk.includes(fault.at)) return write(chunk, ...rest);
    const { isDelivered } = fault;
    isCommitDelivered = isDelivered && chunk.includes(COMMIT);
    fault = null;
    if (!isDelivered) return void socket.destroy();
    // The database receives everything, and the client no response. A reset could discard what was sent.
    const emit = socket.emit.bind(socket);
    socket.emit = ((event: string, ...given: unknown[]) => event === 'data' || emit(event, ...given)) as never;
    write(chunk, ...rest);
    socket.end();
  }) as never;
  return socket;
};

let number = 0;
/** A new member and a token, both cached. */
async function world(
  role: 'admin' | 'user' = 'admin',
): Promise<{ email: string; session: Caller; token: Caller & { id: string } }> {
  number += 1;
  const person = await addMember(first, acme, role, `p${number}`);
  const made = await createApiToken(first, person, role === 'admin' ? 'WRITE' : 'READ');
  const [session, token] = [api.as(person.token), { ...api.as(made.token), id: made.id }];
  for (const caller of [session, token])
    expect((await caller.query('{ organization { slug } }')).errors).toBeUndefined();
  return { email: person.email, session, token };
}

const CREATE =
  'mutation ($name: String!) { createCategory(input: { name: $name }) { category { id name alias description } errors { code path } } }';
const create = (caller: Caller, name: string) => caller.query(CREATE, { name });
const stored = async (name: string): Promise<number> =>
  (await api.root`select from categories where name = ${name} and organization_id = ${organizationUuid(acme)}`).length;
const outcomesOf = async (action: string, since: Date): Promise<Json[]> =>
  (
    await api.root`select outcome, reason, actor_name as name, "before", "after" from audit_events
    where action = ${action} and organization_id = ${organizationUuid(acme)} and created_at >= ${since} order by id`
  ).map((row) => ({ ...row }));
const CREATED = (name: string) => ({
  category: { id: expect.any(String), name, alias: null, description: null },
  errors: [],
});

async function tripsOf<T>(work: () => Promise<T>): Promise<{ result: T; count: number }> {
  const before = trips.count;
  const result = await work();
  return { result, count: trips.count - before };
}

/** Runs these statements one after the other, because Citus refuses a trigger and its function in one message. */
async function execute(...statements: string[]): Promise<void> {
  for (const statement of statements) await api.root.unsafe(statement);
}

test('creating takes one round trip, updating and deleting take two, and a read project adds none', async () => {
  const { token } = await world();
  const input = { create: { name: 'Set', projectId }, update: { description: 'Changed' } };
  const counts: Record<string, number> = {};
  // The connection prepares its statements in the first round.
  for (let round = 0; round < 2; round += 1) {
    const run = async (name: string, given: object, results: string): Promise<Json> => {
      const { result, count } = await tripsOf(() => mutate(token, name, given, results));
      expect(result.errors, name).toEqual([]);
      counts[name] = count;
      return result;
    };
    const { check } = await run('createCheck', { name: 'Check', ...place }, 'check { id }');
    await run('updateCheck', { check: { id: check.id }, notes: 'Changed' }, 'check { notes }');
    await run('deleteCheck', { check: { id: check.id } }, 'deletedId');
    const { dataset } = await run('createDataset', input.create, 'dataset { id }');
    await run('updateDataset', { id: dataset.id, ...input.update }, 'dataset { description }');
    await run('deleteDataset', { id: dataset.id }, 'deletedId');
  }
  expect(counts).toEqual({
    createCheck: 1,
    updateCheck: 2,
    deleteCheck: 2,
    createDataset: 2,
    updateDataset: 3,
    deleteDataset: 3,
  });
});

test('the payload and the audit event have the stored values', async () => {
  const { token } = await world();
  const FIELDS =
    'id name alias notes type enabled enableOn createdAt updatedAt category { id } level { id } owner { id }';
  const input = {
    name: ' Prüfung 🐘 ',
    alias: 'elephant',
    notes: 'a\n\tb',
    enableOn: '2100-01-01T00:00:00.001+02:00',
    ...place,
  };
  const since = new Date();
  const { check } = await mutate(token, 'createCheck', input, `check { ${FIELDS} }`);
  const nodeOf = async () =>
    (await token.query(`{ node(id: "${check.id}") { ... on Check { ${FIELDS} } } }`)).data.node;
  expect(check).toEqual(await nodeOf());
  const changed = await mutate(
    token,
    'updateCheck',
    { check: { id: check.id }, alias: null, enabled: true },
    `check { ${FIELDS} }`,
  );
  expect(changed.check).toEqual(await nodeOf());
  expect(changed.check).toMatchObject({ alias: null, enabled: true, enableOn: null });
  const [created] = await outcomesOf('createCheck', since);
  const [updated] = await outcomesOf('updateCheck', since);
  expect(created.after).toMatchObject({
    id: check.id,
    name: check.name,
    alias: 'elephant',
    createdAt: check.createdAt,
  });
  expect(updated.before).toEqual(created.after);
});

test('a credential that was revoked since it was cached changes nothing', async () => {
  const { session, token, email } = await world();
  await api.root`delete from sessions where user_id = (select id from users where email = ${email})`;
  await api.root`delete from api_tokens where id = ${uuidOf('tok', token.id)}`;
  const since = new Date();
  const names = ['Revoked session', 'Revoked token'] as const;
  for (const [at, caller] of [session, token].entries()) {
    expect(whole(await create(caller, names[at] as string))).toEqual({
      ...REFUSED,
      data: { createCategory: null },
      errors: [refusedAt('createCategory')],
    });
    expect(await stored(names[at] as string)).toBe(0);
  }
  expect(await outcomesOf('createCategory', since)).toEqual([]);
});

test('a demotion since the actor was cached refuses the mutation, with one event', async () => {
  const { session, token, email } = await world();
  await setRole(api.root, email, 'read');
  const since = new Date();
  for (const caller of [session, token]) {
    const answer = await create(caller, 'Demoted');
    expect(answer.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', permission: 'category:create' } }]);
  }
  expect(await stored('Demoted')).toBe(0);
  expect(await outcomesOf('createCategory', since)).toMatchObject([{ outcome: 'REFUSED' }, { outcome: 'REFUSED' }]);
});

test('a promotion since the actor was cached allows the mutation', async () => {
  const { session, email } = await world('user');
  await setRole(api.root, email, 'admin');
  const since = new Date();
  expect((await create(session, 'Promoted')).data.createCategory).toEqual(CREATED('Promoted'));
  expect(await outcomesOf('createCategory', since)).toMatchObject([{ outcome: 'ALLOWED' }]);
});

test('an event names the user as they are now', async () => {
  const { session, email } = await world();
  await api.root`update users set name = 'Renamed' where email = ${email}`;
  const since = new Date();
  expect((await create(session, 'By a renamed user')).data.createCategory).toEqual(CREATED('By a renamed user'));
  expect(await outcomesOf('createCategory', since)).toMatchObject([{ outcome: 'ALLOWED', name: 'Renamed' }]);
  expect(await stored('By a renamed user')).toBe(1);
});

test('of two parallel mutations with one unique name, one succeeds and the other reports it', async () => {
  const { session, token } = await world();
  const since = new Date();
  const answers = await Promise.all([session, token].map((caller) => create(caller, 'Same')));
  const codes = answers.map(({ data }) => data.createCategory.errors.map(({ code }: Json) => code).join(''));
  expect(codes.toSorted()).toEqual(['', 'TAKEN']);
  expect(await stored('Same')).toBe(1);
  const outcomes = (await outcomesOf('createCategory', since)).map(({ outcome, reason }) => [outcome, reason]);
  expect(outcomes.toSorted()).toEqual([
    ['ALLOWED', null],
    ['REJECTED', 'TAKEN'],
  ]);
});

test('a violated foreign key is reported like without a cache, and leaves nothing', async () => {
  const { token } = await world();
  const level = { id: 'lvl_00000000000000000000000000' };
  const answer = await mutate(token, 'createCheck', { name: 'No level', ...place, level }, 'check { id }');
  expect(answer).toEqual({ check: null, errors: [{ code: 'NOT_FOUND', path: ['level'] }] });
  expect(await api.root`select from checks where name = 'No level'`).toHaveLength(0);
});

test('a revocation by the first field refuses the second', async () => {
  const { token } = await world();
  await execute(
    `create function public.revoke() returns trigger language plpgsql security definer as $$ begin
      delete from public.api_tokens where organization_id = '${organizationUuid(acme)}' and id = '${uuidOf('tok', token.id)}';
      return null; end $$`,
    `create trigger revoke after insert on categories for each row when (new.name = 'Revokes') execute function public.revoke()`,
  );
  const field = (name: string) => `${name}: createCategory(input: { name: "${name}" }) { errors { code } }`;
  const answer = await token.query(`mutation { ${field('Revokes')} ${field('Second')} }`);
  await execute('drop trigger revoke on categories', 'drop function public.revoke()');
  expect(answer.data).toEqual({ Revokes: { errors: [] }, Second: null });
  expect(answer.errors).toEqual([refusedAt('Second')]);
  expect([await stored('Revokes'), await stored('Second')]).toEqual([1, 0]);
});

test('a failing COMMIT leaves nothing, and no event says that the change was made', async () => {
  const { token } = await world();
  await execute(
    `create function public.fail() returns trigger language plpgsql as $$ begin raise 'at commit'; end $$`,
    `create constraint trigger late after insert on categories deferrable initially deferred
      for each row execute function public.fail()`,
  );
  const since = new Date();
  const answers = [await create(token, 'Late'), await create(token, 'Late')];
  await execute('drop trigger late on categories', 'drop function public.fail()');
  // The coordinator of a cluster reports the same error if the connection to the worker was lost during COMMIT.
  const isKnown = inject('engine') !== 'citus';
  const code = isKnown ? 'INTERNAL' : 'OUTCOME_UNKNOWN';
  for (const answer of answers) {
    expect(answer.data).toEqual({ createCategory: null });
    expect(answer.errors).toMatchObject([{ extensions: { code } }]);
  }
  expect(await stored('Late')).toBe(0);
  expect(await outcomesOf('createCategory', since)).toMatchObject(
    isKnown ? [{ outcome: 'FAILED' }, { outcome: 'FAILED' }] : [],
  );
});

const LOST = {
  'before BEGIN': { at: 'begin', isDelivered: false },
  'after BEGIN': { at: 'begin', isDelivered: true },
  'before COMMIT': { at: COMMIT, isDelivered: false },
  'after COMMIT': { at: COMMIT, isDelivered: true },
};

test.each(Object.entries(LOST))('a connection lost %s never makes a change twice', async (_, lost) => {
  const { token } = await world();
  const { category } = (await create(token, `Before ${number}`)).data.createCategory;
  const name = `Lost ${number}`;
  const since = new Date();
  const delivered: boolean[] = [];
  const UPDATE = 'mutation ($input: UpdateCategoryInput!) { updateCategory(input: $input) { errors { code } } }';
  for (const send of [
    () => create(token, name),
    () => token.query(UPDATE, { input: { category: { id: category.id }, description: name } }),
  ]) {
    // The connection has prepared the statements again, and no COMMIT of a query is pending.
    await create(token, `Prepares ${name} ${send}`.slice(0, 90));
    fault = lost;
    const answer = await send();
    expect(fault).toBeNull();
    expect(answer.errors).toHaveLength(1);
    expect(['UNAVAILABLE', 'OUTCOME_UNKNOWN']).toContain(answer.errors?.[0].extensions.code);
    if (isCommitDelivered) expect(answer.errors?.[0].extensions.code).toBe('OUTCOME_UNKNOWN');
    delivered.push(isCommitDelivered);
  }
  const isThere = delivered[0] ? 1 : 0;
  await until(async () => (await stored(name)) === isThere);
  const events = (await outcomesOf('createCategory', since)).filter(({ after }) => after?.name === name);
  expect(events).toHaveLength(isThere);
});
