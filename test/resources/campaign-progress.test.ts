import { expect, test } from 'vitest';
import { allow, createRole, deny } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  queryData,
} from '../support/world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const owner = await createApiToken(api, acme.owner, 'WRITE');
const rubric = await getRubric(owner);

const COUNTS = 'services passingServices results passingResults';
const PROGRESS = `progress { ${COUNTS} teams { team { name } ${COUNTS} } days(days: 30) { day ${COUNTS} teams { team { name } ${COUNTS} } } }`;
const progressOf = async (id: string, by: Caller = owner): Promise<Json> =>
  (await queryData(by, `query ($id: ID!) { campaign(id: $id) { ${PROGRESS} } }`, { id })).campaign.progress;
const counts = (services: number, passingServices: number, results: number, passingResults: number) => ({
  ...{ services, passingServices, results, passingResults },
});
const record = async (): Promise<void> => {
  await enqueue(api, 'record-maturity', { after: null });
  await runJobs(api);
};
const tomorrow = async (): Promise<void> => {
  api.advance(DAY);
  await enqueue(api, 'evaluate-due', { after: null });
  await runJobs(api);
};
const createTeam = async (name: string, more: object = {}): Promise<string> =>
  (await mutate(owner, 'createTeam', { name, ...more }, 'team { id }')).team.id;
const createService = async (name: string, ownerId: string | null): Promise<string> =>
  (await mutate(owner, 'createService', { name, ...(ownerId && { owner: { id: ownerId } }) }, 'service { id }')).service
    .id;

const web = await createTeam('Web');
const payments = await createTeam('Payments');
const shop = await createService('Shop', web);
await createService('Search', web);
const ledger = await createService('Ledger', payments);
await createService('Orphan', null);
const checks = [
  await createCheck(owner, rubric, { name: 'Tagged', settings: { tagDefined: {} } }),
  await createCheck(owner, rubric, { name: 'Linked', settings: { link: {} } }),
];
const { campaign } = await mutate(owner, 'createCampaign', { name: 'Upgrade' }, 'campaign { id }');
const { id } = campaign;
await mutate(owner, 'copyChecksToCampaign', { campaignId: id, checks: checks.map((check) => ({ id: check })) });

test('the progress is 0 before the start, and then counts services and results now and by day, by team', async () => {
  await runJobs(api);
  expect(await progressOf(id)).toEqual({ ...counts(0, 0, 0, 0), teams: [], days: [] });
  const times = { startAt: new Date(Date.now() - HOUR), targetAt: new Date(Date.now() + 9 * DAY) };
  await mutate(owner, 'scheduleCampaign', { id, ...times });
  await runJobs(api);
  const service = { id: shop };
  const tags = [{ key: 'env', value: 'prod' }];
  expect(await mutate(owner, 'updateService', { service, addTags: tags })).toEqual({ errors: [] });
  await record();
  const before = {
    ...counts(4, 0, 8, 1),
    teams: [
      { team: { name: 'Web' }, ...counts(2, 0, 4, 1) },
      ...[{ team: { name: 'Payments' }, ...counts(1, 0, 2, 0) }],
      ...[{ team: null, ...counts(1, 0, 2, 0) }],
    ],
  };
  const today = new Date().toISOString().slice(0, 10);
  const first = await progressOf(id);
  expect(first.teams).toEqual(expect.arrayContaining(before.teams));
  expect(first).toMatchObject(counts(4, 0, 8, 1));
  expect(first.days).toMatchObject([{ day: `${today}T00:00:00.000Z`, ...counts(4, 0, 8, 1) }]);
  await tomorrow();
  const links = [{ name: 'Runbook', url: 'https://acme.test/run' }];
  await mutate(owner, 'updateService', { service, addLinks: links });
  await mutate(owner, 'updateService', { service: { id: ledger }, addTags: tags, addLinks: links });
  await record();
  const second = await progressOf(id);
  expect(second).toMatchObject(counts(4, 2, 8, 4));
  expect(second.days).toHaveLength(2);
  expect(second.days[0]).toEqual(first.days[0]);
  expect(second.days[1]).toMatchObject(counts(4, 2, 8, 4));
  expect(second.days[1].teams).toEqual(
    expect.arrayContaining([
      { team: { name: 'Web' }, ...counts(2, 1, 4, 2) },
      { team: { name: 'Payments' }, ...counts(1, 1, 2, 2) },
    ]),
  );
});

test('the list of teams has a bound, and begins with the teams that have the most services', async () => {
  const fields = 'teams(first: 1) { team { name } services }';
  const { campaign: own } = await queryData(
    owner,
    `query ($id: ID!) { campaign(id: $id) { progress { ${fields} days(days: 1) { ${fields} } } } }`,
    { id },
  );
  const first = [{ team: { name: 'Web' }, services: 2 }];
  expect(own.progress).toEqual({ teams: first, days: [{ teams: first }] });
  const { errors } = await owner.query(
    `query ($id: ID!) { campaign(id: $id) { progress { days(days: 366) { teams(first: 500) { services } } } } }`,
    { id },
  );
  expect(errors?.[0].extensions.code).toBe('BAD_REQUEST');
});

test('a caller sees the progress in the services whose results they may read, and null without any', async () => {
  const user = await addMember(api, acme, 'user');
  const all = await progressOf(id, user);
  expect(all).toEqual(await progressOf(id));
  await mutate(owner, 'updateTeam', { team: { id: web }, addMembers: [{ principalId: user.memberId }] });
  const withRole = async (name: string, ...statements: object[]): Promise<void> => {
    const roleId = await createRole(owner, name, [allow('campaign:read', 'team:read'), ...statements] as never);
    expect(await mutate(owner, 'updateMember', { id: user.memberId, roleId })).toEqual({ errors: [] });
  };
  await withRole('Own results', { ...allow('check_result:read'), ownedByPrincipal: true });
  const own = await progressOf(id, user);
  const ofWeb = { team: { name: 'Web' }, ...counts(2, 1, 4, 2) };
  expect(own).toMatchObject({ ...counts(2, 1, 4, 2), teams: [ofWeb] });
  expect(own.days).toHaveLength(2);
  expect(own.days[1]).toMatchObject({ ...counts(2, 1, 4, 2), teams: [ofWeb] });
  expect(JSON.stringify(own)).not.toContain('Payments');
  await withRole('Results of others', allow('check_result:read'), {
    ...{ ...deny('check_result:read'), ownedByPrincipal: true },
  });
  const ofOthers = await progressOf(id, user);
  expect(ofOthers).toMatchObject({ ...counts(2, 1, 4, 2), days: [counts(2, 0, 4, 0), counts(2, 1, 4, 2)] });
  expect(JSON.stringify(ofOthers)).not.toContain('Web');
  await withRole('No results');
  const { data, errors } = await user.query(`query ($id: ID!) { campaign(id: $id) { name ${PROGRESS} } }`, { id });
  expect(data).toEqual({ campaign: { name: 'Upgrade', progress: null } });
  expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', permission: 'check_result:read' } }]);
});

test('the progress of all campaigns of a response is counted with one statement', async () => {
  await mutate(owner, 'createCampaign', { name: 'Another' });
  await mutate(owner, 'createCampaign', { name: 'Third' });
  let counted = 0;
  api.hooks.onStatement = (text) => {
    if (text.includes('check_results')) counted += 1;
  };
  const { campaigns } = await queryData(owner, '{ campaigns { nodes { progress { services } } } }');
  api.hooks.onStatement = () => undefined;
  expect(campaigns.nodes.map(({ progress }: Json) => progress.services)).toEqual([0, 0, 4]);
  expect(counted).toBe(1);
});

test('the days of all campaigns and arguments are read with one statement, without the numbers of each team', async () => {
  await api.root`insert into campaign_history (organization_id, campaign_id, day, total, teams)
    select h.organization_id, c.id, h.day, h.total, h.teams from campaign_history h
      join campaigns c on c.organization_id = h.organization_id and c.id <> h.campaign_id`;
  const days = 'a: days(days: 1) { services } b: days(days: 2) { services } c: days(days: 3) { services }';
  const sent: string[] = [];
  api.hooks.onStatement = (text) => {
    if (text.includes('from "campaign_history"')) sent.push(text);
  };
  const { campaigns } = await queryData(owner, `{ campaigns { nodes { progress { ${days} } } } }`);
  api.hooks.onStatement = () => undefined;
  const one = [{ services: 4 }];
  expect(campaigns.nodes).toEqual(
    Array.from({ length: 3 }, () => ({ progress: { a: one, b: [...one, ...one], c: [...one, ...one] } })),
  );
  expect(sent).toHaveLength(1);
  expect(sent[0]).not.toContain('"teams"');
});

test('the number of days is 1 to 366', async () => {
  for (const [days, isValid] of [
    [0, false],
    [1, true],
    [366, true],
    [367, false],
  ] as const) {
    const document = `query ($id: ID!) { campaign(id: $id) { progress { days(days: ${days}) { day } } } }`;
    const { errors } = await owner.query(document, { id });
    expect(errors?.map(({ extensions }) => extensions.code) ?? [], String(days)).toEqual(
      isValid ? [] : ['BAD_REQUEST'],
    );
  }
});

test('days end with the campaign, and an unscheduled campaign has none', async () => {
  await mutate(owner, 'endCampaign', { id });
  await record();
  const ended = await progressOf(id);
  await tomorrow();
  await record();
  await createService('Too late', web);
  await record();
  expect(await progressOf(id)).toEqual(ended);
  const other = (await mutate(owner, 'createCampaign', { name: 'Moved' }, 'campaign { id }')).campaign.id;
  await mutate(owner, 'copyChecksToCampaign', { campaignId: other, checks: [{ id: checks[0] }] });
  const at = (days: number): Date => new Date(Date.now() + days * DAY);
  await mutate(owner, 'scheduleCampaign', { id: other, startAt: at(0), targetAt: at(99) });
  await runJobs(api);
  await record();
  expect(await progressOf(other)).toMatchObject({ services: 5, days: [{ services: 5 }] });
  await mutate(owner, 'unscheduleCampaign', { id: other });
  await runJobs(api);
  await record();
  expect(await progressOf(other)).toEqual({ ...counts(0, 0, 0, 0), teams: [], days: [] });
});
