import type { TransactionSql } from 'postgres';
import { expect, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import { uuidOf } from '../enforcement/support.ts';
import { type Api, type Caller, type Json, startApi } from '../support/api.ts';
import { statementsOf } from '../support/statements.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  insertMembers,
  type Organization,
  type Person,
  setRole,
} from '../support/world.ts';
import { DAY, moveTo, post, REFUSED, whole } from './support.ts';

/** The cached actor of a credential makes a response faster and must never change it. */
const api = await startApi();
const second = await startApi({ database: api, pool: 2 });

const READ =
  '{ viewer { user { email name } organization { slug name } role { name } permissions } auditEvents(first: 1) { totalCount } plan { name } categories { totalCount } }';
const NO_STATEMENT = '{ __typename permissions { name } }';
const MISSING = '{ node(id: "chk_00000000000000000000000000") { id } nodes(ids: ["nothing"]) { id } }';
const INVALID = 'query ($id: ID!) { node(id: $id) { id } }';

let number = 0;
async function world(): Promise<{ acme: Organization; ann: Person; token: Caller & { id: string } }> {
  number += 1;
  const acme = await createOrganization(api, `acme${number}`);
  const ann = await addMember(api, acme, 'admin', `ann${number}`);
  return { acme, ann, token: await createApiToken(api, ann, 'WRITE') };
}

const at = (node: Api, caller: Caller): Caller => node.as(caller.token);

/** The response of a new node, which has no cached actor. It is the expected response. */
async function responseOfNewNode(caller: Caller, document: string): Promise<Json> {
  const node = await startApi({ database: api, pool: 2 });
  return comparable(await at(node, caller).query(document));
}

const comparable = ({ status, data, errors, headers }: Awaited<ReturnType<Caller['query']>>): Json => {
  const kept = [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
  // Each node counts requests alone.
  const text = JSON.stringify({ status, data, errors, headers: kept }).replace(/;r=\d+;t=\d+/g, '');
  return JSON.parse(text.replace(/request id [\w-]+/g, ''));
};

type World = Awaited<ReturnType<typeof world>>;
type Change = (world: World, sql: TransactionSql | Api['root']) => Promise<unknown>;
const organizationOf = ({ acme }: World): string => uuidOf('org', acme.id);

const CHANGES: Record<string, Change> = {
  'a demotion': ({ ann }, sql) => setRole(sql, ann.email, 'read'),
  'an expired role': ({ ann }, sql) => sql`
    update assignments set expires_at = '2000-01-01', fallback_built_in_role_id = ${roleByKey('read').id} where principal_id in
      (select p.id from principals p join users u on u.id = p.user_id where u.email = ${ann.email})`,
  'a removal from the organization': ({ ann }, sql) => sql`
    delete from principals where user_id = (select id from users where email = ${ann.email})`,
  'a deletion of the session or the token': async ({ ann }, sql) => {
    await sql`delete from sessions where user_id = (select id from users where email = ${ann.email})`;
    await sql`delete from api_tokens`;
  },
  'an expiry of the session and the token': async ({ ann }, sql) => {
    await sql`update sessions set expires_at = '2000-01-01' where user_id = (select id from users where email = ${ann.email})`;
    await sql`update api_tokens set expires_at = '2000-01-01'`;
  },
  'another plan': (world, sql) => sql`update organizations set plan = 'TEAM' where id = ${organizationOf(world)}`,
  'another organization name': (world, sql) =>
    sql`update organizations set name = 'Renamed' where id = ${organizationOf(world)}`,
  'another user name': ({ ann }, sql) => sql`update users set name = 'Anna' where email = ${ann.email}`,
  'a restriction of a token to READ': (_, sql) => sql`update api_tokens set access = 'READ'`,
  'a deletion of the organization': (world, sql) => sql`delete from organizations where id = ${organizationOf(world)}`,
};

const DOCUMENTS = { READ, NO_STATEMENT, MISSING, INVALID };

test.each(Object.entries(CHANGES))('%s takes effect with the next request on every node', async (_, change) => {
  const made = await world();
  for (const node of [api, second])
    for (const caller of [made.ann, made.token]) expect((await at(node, caller).query(READ)).errors).toBeUndefined();
  await change(made, api.root);
  // A failed revalidation caches the new actor, so every document starts with a cached actor.
  for (const caller of [made.ann, made.token])
    for (const [name, document] of Object.entries(DOCUMENTS)) {
      const expected = await responseOfNewNode(caller, document);
      for (const node of [api, second]) {
        const logLength = node.logged.length;
        expect(comparable(await at(node, caller).query(document)), name).toEqual(expected);
        expect(node.logged.slice(logLength)).toEqual([]);
      }
    }
});

test.each(Object.entries({ READ, NO_STATEMENT, MISSING }))(
  'the first request after a revocation is refused like every later one: %s',
  async (_, document) => {
    const { ann, token } = await world();
    const callers = [ann, token];
    for (const caller of callers) await caller.query(READ);
    await api.root`delete from sessions where user_id = ${uuidOf('usr', ann.userId)}`;
    await api.root`delete from api_tokens where id = ${uuidOf('tok', token.id)}`;
    for (const caller of callers) {
      const answer = await caller.query(document);
      expect(whole(answer)).toEqual(REFUSED);
      expect(comparable(answer)).toEqual(await responseOfNewNode(caller, document));
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    }
  },
);

test('the credential of a GET request is revalidated as well', async () => {
  const { ann } = await world();
  const get = async () => {
    const headers = { accept: 'application/json', authorization: `Bearer ${ann.token}` };
    const answer = await fetch(`${api.address}/graphql?query=${encodeURIComponent(READ)}`, { headers });
    return { status: answer.status, body: (await answer.json()) as Json };
  };
  expect((await get()).body.errors).toBeUndefined();
  await setRole(api.root, ann.email, 'read');
  expect((await get()).body.errors[0]).toMatchObject({ extensions: { code: 'FORBIDDEN' } });
  await api.root`delete from sessions where user_id = ${uuidOf('usr', ann.userId)}`;
  expect(await get()).toEqual({ status: 401, body: { errors: REFUSED.errors } });
});

test('after a revocation, fifty parallel requests to two nodes are all refused', async () => {
  const { ann } = await world();
  for (const node of [api, second]) await at(node, ann).query(READ);
  const before = Array.from({ length: 25 }, (_, n) => at(n % 2 ? api : second, ann).query(READ));
  await api.root`delete from sessions where user_id = ${uuidOf('usr', ann.userId)}`;
  const after = Array.from({ length: 50 }, (_, n) => at(n % 2 ? api : second, ann).query(READ));
  for (const answer of await Promise.all(after)) expect(whole(answer)).toEqual(REFUSED);
  for (const answer of await Promise.all(before)) if (answer.errors) expect(whole(answer)).toEqual(REFUSED);
});

test('an expired role takes effect for a cached actor', async () => {
  const own = await startApi({ database: api, pool: 2 });
  const { ann } = await world();
  await api.root`update assignments set expires_at = now() + interval '1 day', fallback_built_in_role_id = ${roleByKey('read').id} where principal_id in
    (select p.id from principals p join users u on u.id = p.user_id where u.email = ${ann.email})`;
  // An API token is still valid a day later. An access token is not.
  const token = await createApiToken(api, ann, 'READ');
  expect((await at(own, token).query(READ)).errors).toBeUndefined();
  own.advance(2 * DAY);
  const answer = await at(own, token).query(READ);
  expect(answer.errors?.[0]).toMatchObject({ extensions: { code: 'FORBIDDEN' } });
});

test('a switch of the organization revokes the earlier access token, and the new one is valid', async () => {
  const { ann } = await world();
  const other = await createOrganization(api, `other${number}`);
  await insertMembers(api.root, uuidOf('org', other.id), [uuidOf('usr', ann.userId)]);
  await api.root`insert into assignments (organization_id, id, principal_id, built_in_role_id)
    select organization_id, gen_random_uuid(), id, ${roleByKey('admin').id} from principals
    where organization_id = ${uuidOf('org', other.id)} and user_id = ${uuidOf('usr', ann.userId)}`;
  const LOOK = '{ viewer { organization { slug } } organization { slug } }';
  for (const node of [api, second]) await at(node, ann).query(LOOK);
  const moved = await moveTo(api, ann, other.id);
  for (const node of [second, api, second]) {
    expect(whole(await at(node, ann).query(LOOK))).toEqual(REFUSED);
    expect((await at(node, moved).query(LOOK)).data.organization.slug).toBe(other.slug);
  }
});

test('a mutation does not use the cached actor, and records one audit event', async () => {
  const { acme, ann, token } = await world();
  await ann.query(READ);
  await token.query(READ);
  await setRole(api.root, ann.email, 'read');
  for (const caller of [ann, token]) {
    const answer = await caller.query('mutation { createCategory(input: { name: "Sneaked" }) { errors { code } } }');
    expect(answer.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  }
  const events = await api.root`select outcome from audit_events
    where organization_id = ${uuidOf('org', acme.id)} and action = 'createCategory'`;
  expect(events.map(({ outcome }) => outcome)).toEqual(['REFUSED', 'REFUSED']);
});

test('a request that reads no rows sends only the check of its credential', async () => {
  const { ann, token } = await world();
  for (const caller of [ann, token]) {
    const ask = async (): Promise<void> =>
      expect(whole(await caller.query(NO_STATEMENT))).toMatchObject({ status: 200 });
    await ask();
    expect(await statementsOf(api, ask)).toEqual([expect.stringContaining('ambit.check_')]);
  }
});

test('a request without a credential never uses a cached actor', async () => {
  const { ann } = await world();
  await ann.query(READ);
  expect((await api.as().query('{ viewer { user { id } } }')).data).toEqual({ viewer: null });
  expect((await post(api, { authorization: 'Bearer nobody' }, READ)).status).toBe(401);
});

test('a database error is neither returned nor logged when the cached actor is outdated', async () => {
  const { ann } = await world();
  await ann.query(READ);
  await api.root`delete from sessions where user_id = ${uuidOf('usr', ann.userId)}`;
  await api.root`alter table categories rename to categories_away`;
  const logLength = api.logged.length;
  const answer = await ann.query(READ);
  await api.root`alter table categories_away rename to categories`;
  expect(whole(answer)).toEqual(REFUSED);
  expect(api.logged.slice(logLength)).toEqual([]);
});
