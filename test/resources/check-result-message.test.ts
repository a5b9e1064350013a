import markdownIt from 'markdown-it';
import { describe, expect, test } from 'vitest';
import { codeSpan } from '../../src/resources/check-result/code-span.ts';
import { type Json, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import { addMember, createCheck, createOrganization, getRubric, mutate, queryData } from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const rubric = await getRubric(owner);

const { propertyDefinition } = await mutate(
  owner,
  'createPropertyDefinition',
  { name: 'Port', alias: 'port', schema: { type: 'integer' } },
  'propertyDefinition { id }',
);
const definition = { id: propertyDefinition.id };
const { team } = await mutate(
  owner,
  'createTeam',
  { name: 'Web', contacts: [{ type: 'SLACK', address: '#web' }] },
  'team { id }',
);
const createService = async (input: object): Promise<string> =>
  (await mutate(owner, 'createService', input, 'service { id }')).service.id;
const bare = await createService({ name: 'Bare' });
const full = await createService({
  ...{ name: 'Full', owner: { id: team.id }, language: 'Go', dependencies: [{ id: bare }] },
  tags: [{ key: 'env', value: 'production' }],
  links: [{ name: 'Runbook', url: 'https://example.test/runbook', category: 'runbook' }],
});
await mutate(owner, 'setServiceProperty', { service: { id: full }, definition, value: 8080 });
await mutate(owner, 'recordDeploy', { service: { id: full } });

const predicate = (operator: string, value: string) => ({ operator, value });

const CASES: [settings: object, failed: string, passed: string][] = [
  [
    { hasOwner: {} },
    'The service has no owner. Set the team that owns it.', //
    'A team owns the service.',
  ],
  [
    { hasOwner: { contactRequired: true } },
    'No team with a contact owns the service. Set the owner, or add the contact to the team.',
    'The team that owns the service has a contact.',
  ],
  [
    { hasOwner: { contactRequired: true, contactType: 'SLACK' } },
    'No team with a contact of type `SLACK` owns the service. Set the owner, or add the contact to the team.',
    'The team that owns the service has a contact of type `SLACK`.',
  ],
  [
    { serviceProperty: { property: 'LANGUAGE' } },
    'The service has no language. Set it.',
    'The service has a language.',
  ],
  [
    { serviceProperty: { property: 'LANGUAGE', predicate: predicate('STARTS_WITH', 'G') } },
    'The language of the service must start with `G`.',
    'The language of the service starts with `G`.',
  ],
  [
    { serviceProperty: { definition } },
    'The service has no property `Port`. Set it.',
    'The service has a property `Port`.',
  ],
  [
    { serviceProperty: { definition, predicate: predicate('GREATER_THAN_OR_EQUAL_TO', '1024') } },
    'The property `Port` of the service must be at least `1024`.',
    'The property `Port` of the service is at least `1024`.',
  ],
  [
    { tagDefined: {} },
    'The service has no tag. Add one.', //
    'The service has a tag.',
  ],
  [
    { tagDefined: { key: 'env' } },
    'The service has no tag with the key `env`. Add one.',
    'The service has a tag with the key `env`.',
  ],
  [
    { tagDefined: { key: 'env', predicate: predicate('DOES_NOT_CONTAIN', 'test') } },
    'The service has no tag with the key `env` whose value does not contain `test`. Add one.',
    'The service has a tag with the key `env` whose value does not contain `test`.',
  ],
  [
    { link: { category: 'runbook', name: 'Runbook', predicate: predicate('MATCHES_REGEX', '^https:') } },
    'The service has no link of the category `runbook` with the name `Runbook` whose URL matches the regular expression `^https:`. Add one.',
    'The service has a link of the category `runbook` with the name `Runbook` whose URL matches the regular expression `^https:`.',
  ],
  [
    { hasDependency: true },
    'The service has no dependency on another service. Add one.',
    'The service depends on another service.',
  ],
  [
    { recentDeploy: { days: 1 } },
    'No deploy of the service was recorded in the last day. Record one with `recordDeploy`.',
    'The service was deployed in the last day.',
  ],
  [
    { recentDeploy: {} },
    'No deploy of the service was recorded in the last 30 days. Record one with `recordDeploy`.',
    'The service was deployed in the last 30 days.',
  ],
];

const checks: string[] = [];
for (const [settings] of CASES) checks.push(await createCheck(owner, rubric, { settings }));
const manual = await createCheck(owner, rubric, { settings: { manual: {} } });
await runJobs(api);

const LATEST = `query ($id: ID!) {
  service(id: $id) { checkResults(first: 100) { nodes { id status message check { id } } } } }`;
const messagesOf = async (service: string, caller = owner): Promise<Map<string, Json>> => {
  const { nodes } = (await queryData(caller, LATEST, { id: service })).service.checkResults;
  return new Map(nodes.map(({ check, status, message }: Json) => [check?.id, { status, message }]));
};

describe('the message of a result that Ambit has evaluated', () => {
  test('says for each type of check what the service has, or what is missing', async () => {
    const [failed, passed] = [await messagesOf(bare), await messagesOf(full)];
    for (const [at, [, whenFailed, whenPassed]] of CASES.entries()) {
      const id = checks[at] as string;
      expect(failed.get(id)).toEqual({ status: 'FAILED', message: whenFailed });
      expect(passed.get(id)).toEqual({ status: 'PASSED', message: whenPassed });
    }
  });

  test('is in the report of the service, with what is missing', async () => {
    const document = 'query ($id: ID!) { service(id: $id) { maturityReport { missing { message check { id } } } } }';
    const { missing } = (await queryData(owner, document, { id: bare })).service.maturityReport;
    const messages = new Map(missing.map(({ check, message }: Json) => [check.id, message]));
    expect(messages.get(checks[0])).toBe(CASES[0]?.[1]);
  });

  test('follows from the current settings, and is null for a result that was replaced', async () => {
    const id = await createCheck(owner, rubric, { settings: { tagDefined: { key: 'old' } } });
    await runJobs(api);
    const message = async () => (await messagesOf(bare)).get(id).message;
    expect(await message()).toContain('`old`');
    const input = { check: { id }, settings: { tagDefined: { key: 'new' } } };
    expect(await mutate(owner, 'updateCheck', input)).toEqual({ errors: [] });
    expect(await message()).toContain('`new`');
    await mutate(owner, 'updateService', { service: { id: bare }, addTags: [{ key: 'new', value: '1' }] });
    const history = `query ($id: ID!, $check: ID!) {
      service(id: $id) { checkResultHistory(filter: { check: { id: $check } }) { nodes { status message } } } }`;
    expect((await queryData(owner, history, { id: bare, check: id })).service.checkResultHistory.nodes).toEqual([
      { status: 'PASSED', message: 'The service has a tag with the key `new`.' },
      { status: 'FAILED', message: null },
    ]);
    await mutate(owner, 'updateService', { service: { id: bare }, removeTags: [{ key: 'new', value: '1' }] });
  });

  test('of a manual check asks for a report, and a report has the message of its reporter', async () => {
    expect((await messagesOf(bare)).get(manual)).toEqual({
      status: 'PENDING',
      message: 'No result was reported, or the last one has expired. Report a result with `reportCheckResult`.',
    });
    const report = { check: { id: manual }, service: { id: full }, status: 'FAILED' };
    await mutate(owner, 'reportCheckResult', { ...report, message: 'Not *yet*.' });
    expect((await messagesOf(full)).get(manual)).toEqual({ status: 'FAILED', message: 'Not *yet*.' });
    await mutate(owner, 'reportCheckResult', report);
    expect((await messagesOf(full)).get(manual)).toEqual({ status: 'FAILED', message: null });
  });

  test('is null for a caller who cannot read the check, because it contains its settings', async () => {
    const statements = [{ effect: 'ALLOW', permissions: ['service:read', 'check_result:read'] }];
    const { role } = await mutate(owner, 'createRole', { name: 'Results', statements }, 'role { id }');
    const reader = await addMember(api, acme, 'guest', 'results');
    expect(await mutate(owner, 'updateMember', { id: reader.memberId, roleId: role.id })).toEqual({ errors: [] });
    const { nodes } = (await queryData(reader, LATEST, { id: full })).service.checkResults;
    expect(nodes.length).toBeGreaterThan(CASES.length);
    for (const { check, message } of nodes) expect([check, message]).toEqual([null, null]);
  });

  test('needs as many statements for two services as for one', async () => {
    const statements = async (first: number): Promise<number> => {
      let sent = 0;
      api.hooks.onStatement = (text) => {
        if (/"(check_results|checks|property_definitions)"/.test(text)) sent += 1;
      };
      const document =
        'query ($first: Int) { services(first: $first) { nodes { checkResults(first: 50) { nodes { message } } } } }';
      await queryData(owner, document, { first });
      delete api.hooks.onStatement;
      return sent;
    };
    await statements(1);
    const one = await statements(1);
    expect(one).toBeGreaterThan(0);
    expect(await statements(2)).toBe(one);
  });
});

describe('what comes from the settings is no Markdown:', () => {
  const HOSTILE = [
    '<script>alert(1)</script>',
    '[a link](javascript:alert(1))',
    '`',
    '``` `` `',
    '` <img src=x> `',
    'a\n\n# A heading\n\n<b>',
    ' spaces ',
    '![image](https://example.test/x.png)',
    'back\\`slash\\',
  ];

  test.each(HOSTILE)('%j', async (value) => {
    const id = await createCheck(owner, rubric, {
      settings: { tagDefined: { predicate: predicate('EQUALS', value) } },
    });
    await mutate(owner, 'runChecks', { service: { id: bare } });
    const { message } = (await messagesOf(bare)).get(id);
    const html = markdownIt({ html: true, linkify: true }).render(message);
    const shown = value.replace(/\s+/g, ' ').replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
    expect(html).toBe(`<p>The service has no tag whose value equals <code>${shown}</code>. Add one.</p>\n`);
  });

  test('a text of backticks stays one code span', () => {
    for (let length = 1; length <= 20; length += 1)
      expect(markdownIt().renderInline(codeSpan('`'.repeat(length)))).toBe(`<code>${'`'.repeat(length)}</code>`);
  });
});
