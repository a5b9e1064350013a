import { beforeEach, describe, expect, test } from 'vitest';
import { allow, createRole } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { runJobs, skipRetryDelays } from '../support/jobs.ts';
import { type Received, reply, startSmtp } from '../support/smtp.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  signIn,
} from '../support/world.ts';

const HOUR = 3_600_000;

const smtp = await startSmtp();
const config = { ...smtp.config, contactMailDomains: ['teams.acme.test'], publicUrl: 'https://ambit.acme.test' };
const api = await startApi({ config });
const acme = await createOrganization(api, 'acme');
const owner = await createApiToken(api, acme.owner, 'WRITE');
await addMember(api, acme, 'user', 'grace');
const rubric = await getRubric(owner);
const stranger = await createApiToken(api, (await createOrganization(api, 'globex')).owner, 'WRITE');
const check = await createCheck(owner, rubric, { name: 'Depends on www.evil.test', settings: { hasDependency: true } });

beforeEach(() => {
  smtp.received.length = 0;
  smtp.onRecipient = undefined;
});

let last = 0;
const offset = { milliseconds: 0 };
const advance = (milliseconds: number): void => {
  offset.milliseconds += milliseconds;
  api.advance(milliseconds);
};
const inHours = (hours: number): string => new Date(Date.now() + offset.milliseconds + hours * HOUR).toISOString();

interface Contact {
  type?: string;
  address: string;
  preferred?: boolean;
}

/** A team with these e-mail addresses that owns services. */
async function team(name: string, contacts: (string | Contact)[], services: string[]): Promise<string> {
  const given = contacts.map((one) => ({ type: 'EMAIL', ...(typeof one === 'string' ? { address: one } : one) }));
  const made = await mutate(owner, 'createTeam', { name, contacts: given }, 'team { id }');
  expect(made.errors).toEqual([]);
  for (const service of services) await mutate(owner, 'createService', { name: service, owner: { id: made.team.id } });
  return made.team.id;
}

/** A campaign in progress for the services whose name begins with this text. They all fail its check. */
async function campaign(prefix: string, more: object = {}): Promise<string> {
  const predicates = [{ key: 'NAME', operator: 'STARTS_WITH', value: prefix }];
  const filter = await mutate(owner, 'createFilter', { name: `Filter ${++last}`, predicates }, 'filter { id }');
  const given = { name: `Campaign ${last}`, filterId: filter.filter.id, ...more };
  const { id } = (await mutate(owner, 'createCampaign', given, 'campaign { id }')).campaign;
  await mutate(owner, 'copyChecksToCampaign', { campaignId: id, checks: [{ id: check }] });
  await mutate(owner, 'scheduleCampaign', { id, startAt: inHours(-1), targetAt: inHours(5) });
  await runJobs(api);
  return id;
}

const TEAMS = 'campaign { remindedAt } servicesWithoutOwner teams { team { name } services status addresses }';
const remind = (id: string, by: Caller = owner): Promise<Json> => mutate(by, 'sendCampaignReminder', { id }, TEAMS);
const recipients = (): string[] => smtp.received.flatMap(({ to }) => to.map((one) => one.toLowerCase())).sort();
const messageIdOf = ({ headers }: Received): string | undefined => /^Message-ID: (.*)$/m.exec(headers)?.[1];

describe('a reminder', () => {
  test('goes to each team with failing services, and tells which have no address that may get it', async () => {
    await team('A web', ['grace@acme.test', { type: 'SLACK', address: '#web' }], ['a1', 'a2']);
    await team('A payments', ['stranger@elsewhere.test'], ['a3']);
    await team('A search', [{ type: 'SLACK', address: '#search' }], ['a4']);
    await team('A ledger', ['pager@TEAMS.acme.test', 'pager@sub.teams.acme.test'], ['a5']);
    await team('A others', ['grace@acme.test'], ['other']);
    await mutate(owner, 'createService', { name: 'a6' });
    const id = await campaign('a');
    const answer = await remind(id);
    expect(answer).toEqual({
      campaign: { remindedAt: expect.any(String) },
      servicesWithoutOwner: 1,
      teams: [
        { team: { name: 'A ledger' }, services: 1, status: 'SENT', addresses: ['pager@TEAMS.acme.test'] },
        { team: { name: 'A payments' }, services: 1, status: 'NOT_ALLOWED', addresses: [] },
        { team: { name: 'A search' }, services: 1, status: 'NO_ADDRESS', addresses: [] },
        { team: { name: 'A web' }, services: 2, status: 'SENT', addresses: ['grace@acme.test'] },
      ],
      errors: [],
    });
    expect(smtp.received).toEqual([]);
    const jobs = await api.root`select data from pgboss.job_common where name = 'send-campaign-reminder'`;
    expect(jobs.map(({ data }) => Object.keys(data).sort())).toEqual(
      Array(2).fill(['campaignId', 'contactIds', 'mailId', 'organizationId']),
    );
    expect(JSON.stringify(jobs)).not.toContain('@');
    await runJobs(api);
    expect(recipients()).toEqual(['grace@acme.test', 'pager@teams.acme.test']);
  });

  test('names the campaign, its target, and the services and checks of the team, with one link to the report', async () => {
    const name = 'Upgrade <b>to</b> https://evil.test/x now: mail@evil.test';
    const id = await campaign('b', { name });
    await team('B "team" evil.test', ['grace@acme.test'], ['b http://evil.test', 'b2']);
    await team('B hidden', [{ type: 'SLACK', address: '#b' }], ['b of others']);
    await remind(id);
    await runJobs(api);
    const [mail, ...more] = smtp.received as [Received];
    expect(more).toEqual([]);
    expect(mail.headers).toMatch(/^Subject: Reminder: Upgrade/m);
    const link = `https://ambit.acme.test/reports/campaigns/${id}`;
    const lines = [
      '"Upgrade <b>to</ b> https: / / evil. test/ x now: mail@ evil. test" is a campaign of the organization "acme".',
      /The target is \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\./,
      `Services of the team "B 'team' evil. test" that do not pass all checks:`,
      '- "b http: / / evil. test": "Depends on www. evil. test"',
      '- "b2": "Depends on www. evil. test"',
      link,
    ];
    for (const line of lines) expect(mail.text).toMatch(line);
    expect(mail.text).not.toContain('b of others');
    expect(mail.text.match(/https?:\/\/\S+/g)).toEqual([link]);
    expect(mail.html.match(/https?:\/\/[^\s"<]+/g)).toEqual([link]);
    expect(mail.html).toContain('Upgrade &lt;b&gt;to&lt;/ b&gt;');
    expect(mail.text.replaceAll(link, '')).not.toMatch(/@\S|evil\.test/);
  });

  test('goes to an address once, for all of its teams, and to the preferred addresses only', async () => {
    await team('C one', ['grace@acme.test', 'Grace@Acme.test'], ['c1']);
    await team('C two', ['GRACE@acme.test'], ['c2']);
    await team('C three', ['grace@acme.test', { address: 'owner@acme.test', preferred: true }], ['c3']);
    const id = await campaign('c');
    const { teams } = await remind(id);
    expect(teams.map(({ addresses }: Json) => addresses.map((one: string) => one.toLowerCase()))).toEqual([
      ['grace@acme.test'],
      ['owner@acme.test'],
      ['grace@acme.test'],
    ]);
    await runJobs(api);
    expect(recipients()).toEqual(['grace@acme.test', 'owner@acme.test']);
    const [toGrace] = smtp.received.filter(({ to }) => to[0]?.toLowerCase() === 'grace@acme.test') as [Received];
    expect(toGrace.text).toContain('"C one"');
    expect(toGrace.text).toContain('"c2"');
    expect(toGrace.text).not.toContain('"c3"');
  });

  test('lists at most 50 services and the number of the others', async () => {
    const many = Array.from({ length: 53 }, (_, at) => `d${String(at).padStart(2, '0')}`);
    const owned = await team('D many', ['grace@acme.test'], []);
    await mutate(owner, 'createServices', { services: many.map((name) => ({ name, owner: { id: owned } })) });
    await remind(await campaign('d'));
    await runJobs(api);
    const [mail] = smtp.received as [Received];
    expect(mail.text.match(/^- "d\d\d"/gm)).toHaveLength(50);
    expect(mail.text).toContain('And 3 more.');
  });

  test('with services that pass does not name them, and goes to nobody if all pass', async () => {
    const id = await campaign('e');
    await team('E team', ['grace@acme.test'], ['e1', 'e2']);
    const pass = async (alias: string): Promise<void> => {
      const input = { service: { alias }, addDependencies: [{ alias: 'a1' }] };
      expect(await mutate(owner, 'updateService', input)).toEqual({ errors: [] });
    };
    await pass('e1');
    expect((await remind(id)).teams).toMatchObject([{ services: 1 }]);
    // The other one passes before the mail is sent.
    await pass('e2');
    await runJobs(api);
    expect(smtp.received).toEqual([]);
    advance(HOUR);
    expect(await remind(id)).toMatchObject({ teams: [], servicesWithoutOwner: 0, errors: [] });
  });
});

describe('a reminder is not sent', () => {
  test('before the start, for a draft, and after the end', async () => {
    const id = await campaign('f');
    const status = { errors: [{ code: 'INVALID', path: ['id'] }] };
    await mutate(owner, 'unscheduleCampaign', { id });
    expect(await remind(id)).toMatchObject(status);
    await mutate(owner, 'scheduleCampaign', { id, startAt: inHours(1), targetAt: inHours(2) });
    expect(await remind(id)).toMatchObject(status);
    await mutate(owner, 'scheduleCampaign', { id, startAt: inHours(-2), targetAt: inHours(-1) });
    expect(await remind(id)).toMatchObject({ errors: [] });
    await mutate(owner, 'endCampaign', { id });
    expect(await remind(id)).toMatchObject(status);
  });

  test('twice in an hour: not by fifty aliases, and not by two requests at once', async () => {
    await team('G team', ['grace@acme.test'], ['g1']);
    const id = await campaign('g');
    const aliases = Array.from(
      { length: 50 },
      (_, at) => `r${at}: sendCampaignReminder(input: $input) { errors { code } }`,
    );
    const { data, errors } = await owner.query(
      `mutation ($input: SendCampaignReminderInput!) { ${aliases.join(' ')} }`,
      { input: { id } },
    );
    expect(Object.values(data).filter(Boolean)).toEqual([{ errors: [] }]);
    expect(errors).toHaveLength(49);
    for (const { extensions } of errors ?? []) {
      expect(extensions).toMatchObject({ code: 'RATE_LIMITED' });
      expect(extensions.retryAfter).toBeGreaterThan(3000);
      expect(extensions.retryAfter).toBeLessThanOrEqual(3600);
    }
    await runJobs(api);
    expect(recipients()).toEqual(['grace@acme.test']);
    advance(HOUR);
    const both = await Promise.all([remind(id), remind(id)]);
    expect(both.filter(({ refused }) => refused === 'RATE_LIMITED')).toHaveLength(1);
    await runJobs(api);
    expect(recipients()).toHaveLength(2);
  });

  test('to an address that the organization may not write to any more, or that the team has removed', async () => {
    const leaving = await addMember(api, acme, 'user', 'leaving');
    const address = 'leaving@acme.test';
    const first = await team('H team', [address], ['h1']);
    const second = await team('H other', ['grace@acme.test'], ['h2']);
    expect((await remind(await campaign('h'))).teams).toHaveLength(2);
    await mutate(owner, 'deleteMember', { id: leaving.memberId });
    const removeContacts = [{ type: 'EMAIL', address: 'grace@acme.test' }];
    expect(await mutate(owner, 'updateTeam', { team: { id: second }, removeContacts })).toEqual({ errors: [] });
    await runJobs(api);
    expect(smtp.received).toEqual([]);
    advance(HOUR);
    const { teams } = await remind(await campaign('h1'));
    expect(teams).toMatchObject([{ status: 'NOT_ALLOWED', addresses: [] }]);
    const addContacts = [{ type: 'EMAIL', address: 'owner@globex.test' }];
    await mutate(owner, 'updateTeam', { team: { id: first }, addContacts });
    // The address of a member of another organization is that of a stranger.
    expect((await remind(await campaign('h1'))).teams).toMatchObject([{ status: 'NOT_ALLOWED' }]);
  });

  test('above the rate limits of a recipient and of the organization', async () => {
    const { rateLimits } = api.app.dependencies.config;
    const withLimit = async (limit: object): Promise<Caller> => {
      const limited = await startApi({ config: { ...config, rateLimits: { ...rateLimits, ...limit } }, database: api });
      limited.advance(offset.milliseconds);
      return limited.as(owner.token);
    };
    await team('I team', ['limited@teams.acme.test'], ['i1']);
    const byRecipient = await withLimit({ mailsPerRecipient: 2 });
    const statuses: Json[] = [];
    for (let round = 0; round < 3; round += 1) statuses.push(...(await remind(await campaign('i'), byRecipient)).teams);
    expect(statuses.map(({ status }) => status)).toEqual(['SENT', 'SENT', 'RATE_LIMITED']);
    const id = await campaign('i');
    expect(await remind(id, await withLimit({ remindersPerOrganization: 1 }))).toEqual({ refused: 'RATE_LIMITED' });
    // The refused reminder does not count as sent.
    expect(await remind(id)).toMatchObject({ teams: [{ status: 'SENT' }] });
    await runJobs(api);
    expect(recipients()).toEqual(Array(3).fill('limited@teams.acme.test'));
  });
});

describe('who', () => {
  test('sends one needs campaign:update, and sees teams, addresses and results with their own permissions', async () => {
    const id = await campaign('j');
    const mine = await team('J mine', ['grace@acme.test'], ['j1']);
    await team('J theirs', ['grace@acme.test'], ['j2']);
    const user = await addMember(api, acme, 'user', 'joan');
    expect(await remind(id, user)).toEqual({ refused: 'NO_GRANT' });
    expect(await remind(id, stranger)).toEqual({ refused: 'NOT_FOUND' });
    await mutate(owner, 'updateTeam', { team: { id: mine }, addMembers: [{ principalId: user.memberId }] });
    const withRole = async (name: string, ...statements: object[]): Promise<void> => {
      const roleId = await createRole(owner, name, [allow('campaign:update'), ...statements] as never);
      expect(await mutate(owner, 'updateMember', { id: user.memberId, roleId })).toEqual({ errors: [] });
    };
    await withRole('Only campaigns');
    const only = await user.query(
      `mutation ($input: SendCampaignReminderInput!) { sendCampaignReminder(input: $input) {
        errors { code } servicesWithoutOwner teams { services } } }`,
      { input: { id } },
    );
    expect(only.data.sendCampaignReminder).toEqual({ errors: [], servicesWithoutOwner: null, teams: null });
    const missing = { extensions: { code: 'FORBIDDEN', permission: 'check_result:read' } };
    expect(only.errors).toMatchObject([missing, missing]);
    advance(HOUR);
    const again = await signIn(api, user.email, 'acme');
    await withRole('Own results', { ...allow('check_result:read'), ownedByPrincipal: true });
    const { data, errors } = await again.query(
      `mutation ($input: SendCampaignReminderInput!) { sendCampaignReminder(input: $input) {
        teams { team { name } services status addresses } } }`,
      { input: { id } },
    );
    expect(data.sendCampaignReminder.teams).toEqual([{ team: null, services: 1, status: 'SENT', addresses: null }]);
    expect(errors?.map(({ extensions }) => extensions.permission)).toContain('team:read');
    await runJobs(api);
    expect(recipients()).toEqual(['grace@acme.test', 'grace@acme.test']);
  });
});

describe('the mail server', () => {
  test('gets the same message again after a failure, and no other address gets a second one', async () => {
    await team('K one', ['grace@acme.test'], ['k1']);
    await team('K two', ['owner@acme.test'], ['k2']);
    const seen: string[] = [];
    smtp.onRecipient = (address) => {
      seen.push(address);
      return address === 'owner@acme.test' && seen.filter((one) => one === address).length === 1 ? reply(451) : null;
    };
    await remind(await campaign('k'));
    await runJobs(api);
    await skipRetryDelays(api);
    await runJobs(api);
    expect(recipients()).toEqual(['grace@acme.test', 'owner@acme.test']);
    expect(seen.filter((one) => one === 'grace@acme.test')).toHaveLength(1);
    expect(new Set(smtp.received.map(messageIdOf)).size).toBe(2);
  });

  test('that refuses an address for good is not asked again, and the log does not have the address', async () => {
    await team('L team', ['grace@acme.test'], ['l1']);
    smtp.onRecipient = () => reply(550);
    await remind(await campaign('l'));
    await runJobs(api);
    const jobs = await api.root`
      select state::text from pgboss.job_common where name = 'send-campaign-reminder' order by created_on desc limit 1`;
    expect(jobs).toMatchObject([{ state: 'completed' }]);
    const logged = api.logged.filter((entry) => entry['message'] === 'mail refused by the mail server');
    expect(logged).toMatchObject([{ level: 'warn', campaign: expect.stringMatching(/^cmp_/), response: 550 }]);
    expect(JSON.stringify(logged)).not.toContain('grace');
  });
});

test('without a domain in the configuration, only members get mail', async () => {
  const plain = await startApi({ config: smtp.config, database: api });
  plain.advance(offset.milliseconds);
  await team('M team', ['on-call@teams.acme.test', 'grace@acme.test'], ['m1']);
  const { teams } = await remind(await campaign('m'), plain.as(owner.token));
  expect(teams).toMatchObject([{ status: 'SENT', addresses: ['grace@acme.test'] }]);
});
