import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { queryRows } from '../../src/db/reader.ts';
import { inTransaction } from '../../src/db/transaction.ts';
import { CAMPAIGN_STATUSES, statusIs, statusOf } from '../../src/resources/campaign/service.ts';
import { campaigns } from '../../src/resources/campaign/table.ts';
import { allow, createRole } from '../decisions/support.ts';
import { organizationUuid, unknownId } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { addMember, createApiToken, createOrganization, mutate, queryData, roleId } from '../support/world.ts';

const HOUR = 3_600_000;

const api = await startApi();
const acme = await createOrganization(api, 'acme');
// A session ends when the clock moves. A token does not.
const owner = await createApiToken(api, acme.owner, 'WRITE');
const adminMember = await addMember(api, acme, 'admin');
const admin = await createApiToken(api, adminMember, 'WRITE');
const readOnly = await createApiToken(api, adminMember, 'READ');
const globex = await createOrganization(api, 'globex');
const stranger = await createApiToken(api, globex.owner, 'WRITE');

const offset = { hours: 0 };
const advance = (hours: number): void => {
  offset.hours += hours;
  api.advance(hours * HOUR);
};
/** A time so many hours after now, by the clock of the server. */
const inHours = (hours: number): string => new Date(Date.now() + (offset.hours + hours) * HOUR).toISOString();

let last = 0;
async function create(input: object = {}, caller: Caller = admin): Promise<string> {
  const given = { name: `Campaign ${++last}`, ...input };
  const { campaign, errors } = await mutate(caller, 'createCampaign', given, 'campaign { id }');
  expect(errors).toEqual([]);
  return campaign.id;
}
const schedule = (id: string, startAt: string, targetAt: string, caller: Caller = admin): Promise<Json> =>
  mutate(caller, 'scheduleCampaign', { id, startAt, targetAt }, 'campaign { status startAt targetAt }');
const FIELDS = 'query ($id: ID!) { campaign(id: $id) { name brief status startAt targetAt endedAt team { name } } }';
const read = async (id: string, caller: Caller = owner): Promise<Json> =>
  (await queryData(caller, FIELDS, { id })).campaign;
/** The statuses for which the list has the campaign. */
async function listedAs(id: string): Promise<string[]> {
  const lists = CAMPAIGN_STATUSES.map(
    (one) => `${one}: campaigns(first: 500, filter: { status: ${one} }) { nodes { id } }`,
  );
  const data = await queryData(owner, `{ ${lists.join(' ')} }`);
  return CAMPAIGN_STATUSES.filter((one) => data[one].nodes.some((node: Json) => node.id === id));
}

describe('the status', () => {
  const at = (time: number | null): Date | null => (time === null ? null : new Date(Date.UTC(2030, 0, 1) + time));
  const cases = [
    [null, null, null, 0, 'DRAFT'],
    [10, 20, null, 9, 'SCHEDULED'],
    [10, 20, null, 10, 'IN_PROGRESS'],
    [10, 20, null, 20, 'IN_PROGRESS'],
    [10, 20, null, 21, 'DELAYED'],
    [10, null, null, 99, 'IN_PROGRESS'],
    [10, 20, 15, 15, 'ENDED'],
    [10, 20, 25, 99, 'ENDED'],
  ] as const;

  test.each(cases)('of a campaign from %s to %s that ended at %s is at %s %s', (start, target, ended, now, status) => {
    const times = { startAt: at(start), targetAt: at(target), endedAt: at(ended) };
    expect(statusOf(times, at(now) as Date)).toBe(status);
  });

  test('is the same in SQL, to the millisecond', async () => {
    const organizationId = organizationUuid(globex);
    for (const [index, [start, target, ended]] of cases.entries())
      await api.root`insert into campaigns (organization_id, id, name, start_at, target_at, ended_at)
        values (${organizationId}, gen_random_uuid(), ${`Case ${index}`}, ${at(start)}, ${at(target)}, ${at(ended)})`;
    await inTransaction(api.pool, { organizationId, userId: null }, async (db) => {
      const own = sql`${campaigns.organizationId} = ${organizationId}`;
      const rows = await db.select().from(campaigns).where(own);
      expect(rows).toHaveLength(cases.length);
      for (const now of [9, 10, 11, 19, 20, 21, 99].map((time) => at(time) as Date))
        for (const status of CAMPAIGN_STATUSES) {
          const found = await queryRows<{ name: string }>(
            db,
            sql`select ${campaigns.name} from ${campaigns} where ${own} and ${statusIs(status, now)} order by 1`,
          );
          const expected = rows.filter((row) => statusOf(row, now) === status).map(({ name }) => name);
          expect(found.map(({ name }) => name)).toEqual(expected.sort());
        }
    });
  });

  test('changes with the time, and with the mutations of the campaign', async () => {
    const id = await create({ brief: 'Upgrade.' });
    const expectStatus = async (status: string): Promise<void> => {
      expect(await read(id)).toMatchObject({ status });
      expect(await listedAs(id)).toEqual([status]);
    };
    await expectStatus('DRAFT');
    const [startAt, targetAt] = [inHours(1), inHours(3)];
    expect(await schedule(id, startAt, targetAt)).toEqual({
      campaign: { status: 'SCHEDULED', startAt, targetAt },
      errors: [],
    });
    await expectStatus('SCHEDULED');
    advance(1.1);
    await expectStatus('IN_PROGRESS');
    advance(2);
    await expectStatus('DELAYED');
    expect((await schedule(id, startAt, inHours(2))).campaign.status).toBe('IN_PROGRESS');
    const draft = await mutate(admin, 'unscheduleCampaign', { id }, 'campaign { status startAt targetAt }');
    expect(draft).toEqual({ campaign: { status: 'DRAFT', startAt: null, targetAt: null }, errors: [] });
    await schedule(id, startAt, targetAt);
    expect((await mutate(admin, 'endCampaign', { id }, 'campaign { status }')).campaign.status).toBe('ENDED');
    await expectStatus('ENDED');
    expect(Date.parse((await read(id)).endedAt) - Date.parse(inHours(0))).toBeLessThan(HOUR);
  });
});

describe('what is refused', () => {
  const rejected = (code: string, path: string) => ({ campaign: null, errors: [{ code, path: [path] }] });
  const run = (name: string, id: string) => mutate(admin, name, { id }, 'campaign { status }');

  test.each([0, -1])('a target %s ms after the start', async (milliseconds) => {
    const id = await create();
    const startAt = inHours(1);
    const targetAt = new Date(Date.parse(startAt) + milliseconds).toISOString();
    expect(await schedule(id, startAt, targetAt)).toEqual(rejected('INVALID', 'targetAt'));
    expect(await read(id)).toMatchObject({ status: 'DRAFT' });
    const next = new Date(Date.parse(startAt) + 1).toISOString();
    expect(await schedule(id, startAt, next)).toMatchObject({ errors: [] });
  });

  test('ending a campaign that has not started, and unscheduling a draft', async () => {
    const id = await create();
    expect(await run('unscheduleCampaign', id)).toEqual(rejected('NO_EFFECT', 'id'));
    expect(await run('endCampaign', id)).toEqual(rejected('INVALID', 'id'));
    await schedule(id, inHours(1), inHours(2));
    expect(await run('endCampaign', id)).toEqual(rejected('INVALID', 'id'));
    expect(await run('unscheduleCampaign', id)).toMatchObject({ errors: [] });
  });

  test('changing the times of a campaign that has ended', async () => {
    const id = await create();
    await schedule(id, inHours(-1), inHours(1));
    expect(await run('endCampaign', id)).toMatchObject({ errors: [] });
    expect(await run('endCampaign', id)).toEqual(rejected('NO_EFFECT', 'id'));
    expect(await run('unscheduleCampaign', id)).toEqual(rejected('INVALID', 'id'));
    expect(await schedule(id, inHours(-1), inHours(1))).toEqual(rejected('INVALID', 'id'));
    expect(await mutate(admin, 'updateCampaign', { id, brief: 'What we learned.' })).toEqual({ errors: [] });
  });

  test('the second of two requests that end a campaign at once', async () => {
    const id = await create();
    await schedule(id, inHours(-1), inHours(1));
    const both = await Promise.all([run('endCampaign', id), run('endCampaign', id)]);
    expect(both.map(({ errors }) => errors.map(({ code }: Json) => code)).sort()).toEqual([[], ['NO_EFFECT']]);
  });

  test('the name of another campaign, in any case', async () => {
    const id = await create({ name: 'Upgrade Node' });
    const taken = { errors: [{ code: 'TAKEN', path: ['name'] }] };
    expect(await mutate(admin, 'createCampaign', { name: 'upgrade node' })).toEqual(taken);
    expect(await mutate(admin, 'updateCampaign', { id, name: 'UPGRADE NODE' })).toEqual({ errors: [] });
  });
});

describe('who', () => {
  const calls = async (): Promise<[string, object][]> => {
    const [started, draft] = [await create(), await create()];
    await schedule(started, inHours(-1), inHours(1));
    const times = { startAt: inHours(-1), targetAt: inHours(1) };
    return [
      ['createCampaign', { name: `Campaign ${++last}` }],
      ['updateCampaign', { id: draft, brief: 'New.' }],
      ['scheduleCampaign', { id: draft, ...times }],
      ['unscheduleCampaign', { id: draft }],
      ['sendCampaignReminder', { id: started }],
      ['endCampaign', { id: started }],
      ['deleteCampaign', { id: draft }],
    ];
  };

  test('Users read campaigns only, also with a WRITE token of a time when they were Admins', async () => {
    const former = await addMember(api, acme, 'admin', 'former');
    const token = await createApiToken(api, former, 'WRITE');
    expect(await mutate(owner, 'updateMember', { id: former.memberId, roleId: roleId('user') })).toEqual({
      errors: [],
    });
    const user = await addMember(api, acme, 'user');
    const id = await create();
    for (const caller of [token, user, readOnly]) expect(await read(id, caller)).toMatchObject({ status: 'DRAFT' });
    for (const [name, input] of await calls()) {
      expect(await mutate(token, name, input), name).toEqual({ refused: 'NO_GRANT' });
      expect(await mutate(user, name, input), name).toEqual({ refused: 'NO_GRANT' });
      expect(await mutate(readOnly, name, input), name).toEqual({ refused: 'READ_ONLY_TOKEN' });
      expect(await mutate(admin, name, input), name).toMatchObject({ errors: [] });
    }
  });

  test('a role with campaign:update alone changes campaigns, and neither creates nor deletes them', async () => {
    const role = await createRole(owner, 'Campaigns', [allow('campaign:update')]);
    const caller = await addMember(api, acme, 'user', 'campaigner');
    await mutate(owner, 'updateMember', { id: caller.memberId, roleId: role });
    for (const [name, input] of await calls()) {
      const isAllowed = !/^(create|delete)/.test(name);
      const expected = isAllowed ? { errors: [] } : { refused: 'NO_GRANT' };
      expect(await mutate(caller, name, input), name).toMatchObject(expected);
    }
  });

  test('another organization has no such campaign, and its teams and filters are not found', async () => {
    const id = await create();
    expect(await read(id, stranger)).toBeNull();
    for (const [name, input] of await calls())
      if (name !== 'createCampaign')
        expect(await mutate(stranger, name, input), name).toEqual({ refused: 'NOT_FOUND' });
    const { team } = await mutate(stranger, 'createTeam', { name: 'Theirs' }, 'team { id }');
    const predicates = [{ key: 'LANGUAGE', operator: 'EXISTS' }];
    const { filter } = await mutate(stranger, 'createFilter', { name: 'Theirs', predicates }, 'filter { id }');
    const missing = (path: string) => ({ errors: [{ code: 'NOT_FOUND', path: [path] }] });
    for (const filterId of [filter.id, unknownId('fil')])
      expect(await mutate(admin, 'updateCampaign', { id, filterId })).toEqual(missing('filterId'));
    expect(await mutate(admin, 'updateCampaign', { id, team: { id: team.id } })).toEqual(missing('team'));
    expect(await mutate(admin, 'updateCampaign', { id, team: { alias: 'theirs' } })).toEqual(missing('team'));
    const own = await mutate(admin, 'createTeam', { name: 'Ours' }, 'team { id }');
    expect(await mutate(admin, 'updateCampaign', { id, team: { id: own.team.id } })).toEqual({ errors: [] });
    expect(await read(id)).toMatchObject({ team: { name: 'Ours' } });
  });
});

test('a list ordered by start has drafts at its end, and its cursors find every campaign once, in both directions', async () => {
  const initech = await createOrganization(api, 'initech');
  const token = await createApiToken(api, initech.owner, 'WRITE');
  const starts = [null, 1, 2, null, 2, 3];
  for (const hours of starts) {
    const id = await create({}, token);
    if (hours !== null) await schedule(id, inHours(hours), inHours(9), token);
  }
  const page = async (direction: string, args: string): Promise<Json> =>
    (
      await queryData(
        token,
        `{ campaigns(${args}, orderBy: { field: START_AT, direction: ${direction} }) {
          edges { cursor node { id startAt } } pageInfo { hasNextPage hasPreviousPage } } }`,
      )
    ).campaigns;
  const whole: Record<string, Json[]> = {};
  for (const direction of ['ASC', 'DESC']) {
    const { edges } = await page(direction, 'first: 50');
    expect(edges).toHaveLength(starts.length);
    const nodes = edges.map((edge: Json) => edge.node);
    whole[direction] = nodes;
    const forward: Json[] = [];
    for (let args = 'first: 1'; forward.length < starts.length; args = `first: 1, after: "${forward.at(-1)?.cursor}"`)
      forward.push(...(await page(direction, args)).edges);
    expect(forward.map(({ node }) => node)).toEqual(nodes);
    const backward: Json[] = [];
    for (let args = 'last: 1'; backward.length < starts.length; args = `last: 1, before: "${backward[0]?.cursor}"`)
      backward.unshift(...(await page(direction, args)).edges);
    expect(backward.map(({ node }) => node)).toEqual(nodes);
  }
  expect(whole['ASC']?.slice(4).map((node) => node.startAt)).toEqual([null, null]);
  expect(whole['DESC']).toEqual([...(whole['ASC'] ?? [])].reverse());
});
