import { describe, expect, test } from 'vitest';
import { allow } from '../decisions/support.ts';
import { createIntegration } from '../integration/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import {
  addMember,
  createCheck,
  createOrganization,
  getRubric,
  membersOfEachRole,
  mutate,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { owner } = acme;
const { admin, user, read, guest } = await membersOfEachRole(api, acme);
const rubric = await getRubric(owner);
const integration = await createIntegration(api, admin);
await createCheck(owner, rubric, {
  settings: {
    customEvent: { integrationId: integration.id, serviceSelector: '.services[]', successCondition: 'true' },
  },
});

const createService = async (name: string, input: object = {}, by: Caller = owner): Promise<string> => {
  const { service } = await mutate(by, 'createService', { name, ...input }, 'service { id }');
  return service.id;
};

/** Sends an event about these aliases. */
async function send(...services: string[]): Promise<void> {
  expect((await integration.send({ services })).status).toBe(202);
  await runJobs(api);
}

const LIST = `query ($filter: ServiceSuggestionFilter) { serviceSuggestions(first: 100, filter: $filter) {
  nodes { id alias events dismissed dismissedAt integration { id } } } }`;
const suggestions = async (by: Caller = read, filter: object = {}): Promise<Json[]> =>
  (await queryData(by, LIST, { filter })).serviceSuggestions.nodes;
const suggestion = async (alias: string): Promise<Json> => (await suggestions()).find((one) => one.alias === alias);

/** The ID of a new suggestion. */
async function suggested(alias: string): Promise<string> {
  await send(alias);
  return (await suggestion(alias)).id;
}

const aliasesOf = async (id: string): Promise<string[]> =>
  (await queryData(owner, 'query ($id: ID!) { service(id: $id) { aliases } }', { id })).service.aliases;

const accept = (by: Caller, id: string, service: object) =>
  mutate(by, 'acceptServiceSuggestion', { suggestionId: id, service }, 'service { id }');

describe('an unknown alias in an event', () => {
  test('becomes one suggestion, which counts events, and not the times that an event names it', async () => {
    await send('first', 'first', 'second');
    await send('first');
    expect(await suggestion('first')).toEqual({
      ...{ id: expect.stringMatching(/^sug_/), alias: 'first', events: 2 },
      ...{ dismissed: false, dismissedAt: null, integration: { id: integration.id } },
    });
    expect(await suggestion('second')).toMatchObject({ events: 1 });
  });

  test('becomes none if no service can have it', async () => {
    await send('Not an alias', 'x', '../etc/passwd', 'ünïcode', `a${'b'.repeat(80)}`);
    expect((await suggestions()).filter(({ alias }) => /^(Not|x$|\.|ü|ab{5})/.test(alias))).toEqual([]);
  });

  test('ceases to be one when a service has it and an event arrives', async () => {
    await suggested('late');
    await createService('late');
    await send('late');
    expect(await suggestion('late')).toBeUndefined();
  });

  test('replaces the oldest suggestion above the maximum number', async () => {
    const many = Array.from({ length: 900 }, (_, at) => `many-${at}`);
    await send(...many);
    await send(...many.map((alias) => `more-${alias}`));
    const [row] = await api.root`select count(*)::int as total from service_suggestions`;
    expect(row?.['total']).toBe(1_000);
    const stored = await api.root`select alias from service_suggestions where alias like 'more-%'`;
    expect(stored).toHaveLength(900);
    await api.root`delete from service_suggestions where alias like '%many-%'`;
  });
});

describe('a suggestion', () => {
  test('is read with integration:read in its own organization', async () => {
    const id = await suggested('seen');
    const READ = 'query ($id: ID!) { node(id: $id) { ... on ServiceSuggestion { alias } } }';
    expect((await read.query(READ, { id })).data.node).toEqual({ alias: 'seen' });
    expect((await globex.owner.query(READ, { id })).data.node).toBeNull();
    expect((await suggestions(globex.owner)).length).toBe(0);
    expect((await guest.query(LIST)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  test('is accepted for a service, which has the alias then, and the next event finds it', async () => {
    const service = await createService('Accepted');
    const id = await suggested('nickname');
    expect(await accept(owner, id, { id: service })).toEqual({ service: { id: service }, errors: [] });
    expect(await aliasesOf(service)).toEqual(['accepted', 'nickname']);
    expect(await suggestion('nickname')).toBeUndefined();
    await send('nickname');
    const RESULTS = 'query ($id: ID!) { service(id: $id) { checkResults { nodes { status } } } }';
    expect((await queryData(read, RESULTS, { id: service })).service.checkResults.nodes).toEqual([
      { status: 'PASSED' },
    ]);
  });

  test('becomes a new service', async () => {
    const suggestionId = await suggested('brand-new');
    const input = { suggestionId, name: 'Something' };
    const { service, errors } = await mutate(
      user,
      'acceptServiceSuggestionAsNewService',
      input,
      'service { id aliases }',
    );
    expect(errors).toEqual([]);
    expect(service.aliases.toSorted()).toEqual(['brand-new', 'something']);
    expect(await suggestion('brand-new')).toBeUndefined();
  });

  test('is accepted once if two callers accept it at the same time', async () => {
    const services = [await createService('One'), await createService('Two')];
    const id = await suggested('wanted');
    const answers = await Promise.all(services.map((service) => accept(owner, id, { id: service })));
    expect(answers.filter(({ service }) => service)).toHaveLength(1);
    const aliases = await Promise.all(services.map(aliasesOf));
    expect(aliases.flat().filter((alias) => alias === 'wanted')).toHaveLength(1);
    expect(await accept(owner, id, { id: services[0] })).toEqual({ refused: 'NOT_FOUND' });
  });

  test('cannot be accepted if a service has the alias meanwhile', async () => {
    const service = await createService('Three');
    const id = await suggested('taken');
    await createService('taken');
    expect(await accept(owner, id, { id: service })).toEqual({
      service: null,
      errors: [{ code: 'TAKEN', path: ['suggestionId'] }],
    });
    expect(await aliasesOf(service)).toEqual(['three']);
    expect(await mutate(owner, 'acceptServiceSuggestionAsNewService', { suggestionId: id, name: 'Four' })).toEqual({
      errors: [{ code: 'TAKEN', path: ['suggestionId'] }],
    });
  });

  test('is dismissed, stays so when further events arrive, and lists can omit it', async () => {
    const id = await suggested('noise');
    const dismissed = 'serviceSuggestion { dismissed }';
    expect(await mutate(user, 'dismissServiceSuggestion', { id }, dismissed)).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(admin, 'dismissServiceSuggestion', { id }, dismissed)).toMatchObject({
      serviceSuggestion: { dismissed: true },
    });
    await send('noise');
    expect(await suggestion('noise')).toMatchObject({ events: 2, dismissed: true });
    expect((await suggestions(read, { dismissed: false })).map(({ alias }) => alias)).not.toContain('noise');
    expect((await suggestions(read, { dismissed: true })).map(({ alias }) => alias)).toEqual(['noise']);
  });

  test('is accepted only with the permission on the service, and services that are hidden do not exist', async () => {
    const member = await addMember(api, acme, 'read', 'developer');
    const statements = [
      allow('integration:read'),
      { ...allow('service:read', 'service:update'), ownedByPrincipal: true },
    ];
    await api.root`update organizations set plan = 'ENTERPRISE' where slug = ${acme.slug}`;
    const { role } = await mutate(owner, 'createRole', { name: 'Developer', statements }, 'role { id }');
    await mutate(owner, 'updateMember', { id: member.memberId, roleId: role.id });
    const members = [{ principalId: member.memberId }];
    const { team } = await mutate(owner, 'createTeam', { name: 'Payments', members }, 'team { id }');
    const mine = await createService('Mine', { owner: { id: team.id } });
    const hidden = await createService('Hidden');
    const id = await suggested('for-mine');
    const unknown = await accept(member, id, { id: `${hidden.slice(0, -1)}${hidden.endsWith('0') ? '1' : '0'}` });
    expect(await accept(member, id, { id: hidden })).toEqual(unknown);
    expect(await accept(member, id, { alias: 'hidden' })).toEqual(unknown);
    expect(await accept(read, id, { id: mine })).toEqual({ refused: 'NO_GRANT' });
    expect(await accept(member, id, { id: mine })).toEqual({ service: { id: mine }, errors: [] });
  });

  test('of another organization does not exist', async () => {
    const id = await suggested('ours');
    const theirs = await createService('Theirs', {}, globex.owner);
    expect(await accept(globex.owner, id, { id: theirs })).toEqual({ refused: 'NOT_FOUND' });
    const input = { suggestionId: id, name: 'Stolen' };
    expect(await mutate(globex.owner, 'acceptServiceSuggestionAsNewService', input)).toEqual({ refused: 'NOT_FOUND' });
    expect(await mutate(globex.owner, 'dismissServiceSuggestion', { id })).toEqual({ refused: 'NOT_FOUND' });
    expect(await suggestion('ours')).toMatchObject({ dismissed: false });
  });
});
