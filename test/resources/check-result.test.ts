import { describe, expect, test } from 'vitest';
import { lazily } from '../../src/lib/lazy.ts';
import { allow } from '../decisions/support.ts';
import { unknownId, uuidOf } from '../enforcement/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  executeMutation,
  getRubric,
  mutate,
  queryData,
  setRole,
} from '../support/world.ts';

const DAY = 86_400_000;

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const admin = await addMember(api, acme, 'admin');
const user = await addMember(api, acme, 'user');
const reader = await addMember(api, acme, 'read');
/** Access tokens of sessions expire when the clock advances. */
const ownerToken = await createApiToken(api, owner, 'WRITE');
const rubric = await getRubric(owner);

const RESULT = 'id status message reportedBy { id } check { id } service { id } expiresAt replacedAt';
const report = (caller: Caller, input: object, results = `checkResult { ${RESULT} }`) =>
  mutate(caller, 'reportCheckResult', input, results);

const createService = async (caller: Caller, name: string): Promise<string> => {
  const { service } = await mutate(caller, 'createService', { name }, 'service { id }');
  // Checks that were created before are evaluated by a job.
  await runJobs(api);
  await mutate(caller, 'runChecks', { service: { id: service.id } });
  return service.id;
};
const createManual = (manual: object = {}, more: object = {}) =>
  createCheck(ownerToken, rubric, { settings: { manual }, ...more });

const HISTORY = `query ($check: ID!, $service: ID!, $first: Int, $after: String) {
  service(id: $service) { checkResultHistory(filter: { check: { id: $check } }, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes { status message replacedAt reportedBy { id } } } } }`;
const historyOf = async (check: string, service: string, caller: Caller = ownerToken, more = {}) =>
  (await queryData(caller, HISTORY, { check, service, ...more })).service.checkResultHistory;

const LATEST = `query ($id: ID!, $filter: CheckResultFilter) {
  service(id: $id) { checkResults(first: 500, filter: $filter) { nodes { status message check { id } } } } }`;
const latestOf = async (service: string, caller: Caller = ownerToken, filter?: object): Promise<Json[]> =>
  (await queryData(caller, LATEST, { id: service, filter })).service.checkResults.nodes;
const latest = async (check: string, service: string) =>
  (await latestOf(service)).find((result) => result.check.id === check);

const shop = await createService(owner, 'Shop');

describe('a report', () => {
  test('of a User is read by every member, by each of its lists', async () => {
    const check = await createManual();
    const input = { check: { id: check }, service: { id: shop }, status: 'PASSED', message: ' Seen in *Grafana*. ' };
    const { checkResult, errors } = await report(user, input);
    expect(errors).toEqual([]);
    expect(checkResult).toEqual({
      ...{ id: expect.stringMatching(/^chr_/), status: 'PASSED', message: input.message, expiresAt: null },
      ...{ reportedBy: { id: user.memberId }, check: { id: check }, service: { id: shop }, replacedAt: null },
    });
    const node = `query ($id: ID!) { node(id: $id) { ... on CheckResult { ${RESULT} } } }`;
    expect((await queryData(reader, node, { id: checkResult.id })).node).toEqual(checkResult);
    expect(await latest(check, shop)).toMatchObject({ status: 'PASSED', message: input.message });
    const results = `query ($id: ID!) { check(id: $id) {
      stats { passed failed pending } results { totalCount nodes { id } } failed: results(filter: { status: FAILED }) { totalCount } } }`;
    expect((await queryData(reader, results, { id: check })).check).toEqual({
      stats: { passed: 1, failed: 0, pending: 0 },
      results: { totalCount: 1, nodes: [{ id: checkResult.id }] },
      failed: { totalCount: 0 },
    });
  });

  test('is refused for Read, a READ token and a caller of another organization', async () => {
    const check = await createManual({}, { name: 'Guarded' });
    const input = { check: { id: check }, service: { id: shop }, status: 'PASSED' };
    const globex = await createOrganization(api, 'globex');
    const token = await createApiToken(api, user, 'READ');
    expect(await report(reader, input)).toEqual({ refused: 'NO_GRANT' });
    expect(await report(token, input)).toEqual({ refused: 'READ_ONLY_TOKEN' });
    expect(await mutate(token, 'runChecks', { service: { id: shop } })).toEqual({ refused: 'READ_ONLY_TOKEN' });
    expect(await mutate(reader, 'runChecks', { service: { id: shop } })).toEqual({ refused: 'NO_GRANT' });
    expect(await report(globex.owner, input)).toEqual({
      checkResult: null,
      errors: [{ code: 'NOT_FOUND', path: ['check'] }],
    });
    expect(await report(api.as(), input)).toEqual({ refused: 'UNAUTHENTICATED' });
    expect((await historyOf(check, shop)).nodes.filter(({ status }: Json) => status === 'PASSED')).toEqual([]);
    expect((await report(user, input)).errors).toEqual([]);
  });

  test('is refused as soon as the holder of a token is demoted', async () => {
    const check = await createManual();
    const demoted = await addMember(api, acme, 'admin', 'demoted');
    const token = await createApiToken(api, demoted, 'WRITE');
    const input = { check: { id: check }, service: { id: shop }, status: 'FAILED' };
    expect((await report(token, input)).errors).toEqual([]);
    await setRole(api.root, demoted.email, 'read');
    expect(await report(token, input)).toEqual({ refused: expect.any(String) });
  });

  describe('is an error on its path, and nothing is written,', () => {
    const now = Date.now();
    const elsewhere = createOrganization(api, 'elsewhere').then(async (other) => ({
      service: await createService(other.owner, 'Theirs'),
      check: await createCheck(other.owner, await getRubric(other.owner)),
    }));
    test.each<[string, () => Promise<object>, string, string]>([
      [
        'for a check of another type',
        async () => ({ check: { id: await createCheck(admin, rubric, { settings: { hasDependency: true } }) } }),
        'INVALID',
        'check',
      ],
      [
        'for a disabled check',
        async () => ({ check: { id: await createManual({}, { enabled: false }) } }),
        'INVALID',
        'check',
      ],
      [
        'for an upcoming check',
        async () => ({ check: { id: await createManual({}, { enableOn: new Date(now + 10 * DAY) }) } }),
        'INVALID',
        'check',
      ],
      [
        'without a required message',
        async () => ({ check: { id: await createManual({ commentRequired: true }) } }),
        'REQUIRED',
        'message',
      ],
      ['with an empty message', async () => ({ message: ' ' }), 'TOO_SHORT', 'message'],
      ['with a message of 50 KB', async () => ({ message: 'x'.repeat(50_000) }), 'TOO_LONG', 'message'],
      ['with a NUL character', async () => ({ message: 'a\u0000b' }), 'INVALID', 'message'],
      ['for an unknown check', async () => ({ check: { id: unknownId('chk') } }), 'NOT_FOUND', 'check'],
      ['for an unknown service', async () => ({ service: { alias: 'nothing' } }), 'NOT_FOUND', 'service'],
      [
        'for a check of another organization',
        async () => ({ check: { id: (await elsewhere).check } }),
        'NOT_FOUND',
        'check',
      ],
      [
        'for a service of another organization',
        async () => ({ service: { id: (await elsewhere).service } }),
        'NOT_FOUND',
        'service',
      ],
      ['for a service as check', async () => ({ check: { id: shop } }), 'NOT_FOUND', 'check'],
    ])('%s', async (_what, input, code, field) => {
      const given = {
        check: { id: await createManual() },
        service: { id: shop },
        status: 'PASSED',
        ...(await input()),
      };
      const before = await api.root`select id from check_results where reported_by_id is not null`;
      expect(await report(ownerToken, given)).toEqual({ checkResult: null, errors: [{ code, path: [field] }] });
      expect(await api.root`select id from check_results where reported_by_id is not null`).toEqual(before);
    });
  });

  test('replaces the latest result, which stays in the history', async () => {
    const check = await createManual();
    for (const [status, message] of [
      ['FAILED', 'First'],
      ['PASSED', 'Second'],
      ['PENDING', 'Third'],
    ])
      await report(ownerToken, { check: { id: check }, service: { id: shop }, status, message });
    expect(await latest(check, shop)).toMatchObject({ status: 'PENDING', message: 'Third' });
    const history = await historyOf(check, shop);
    expect(history.nodes.slice(0, 3)).toMatchObject([
      { status: 'PENDING', message: 'Third', replacedAt: null },
      { status: 'PASSED', message: 'Second', replacedAt: expect.any(String) },
      { status: 'FAILED', message: 'First', replacedAt: expect.any(String) },
    ]);
    const first = await historyOf(check, shop, ownerToken, { first: 1 });
    const second = await historyOf(check, shop, ownerToken, { first: 1, after: first.pageInfo.endCursor });
    expect([...first.nodes, ...second.nodes]).toEqual(history.nodes.slice(0, 2));
    expect(first.totalCount).toBe(history.totalCount);
  });

  test('is not lost if there are several at once: one is the latest, and all are in the history', async () => {
    const check = await createManual();
    const messages = ['one', 'two', 'three', 'four'];
    const answers = await Promise.all(
      messages.map((message) =>
        report(ownerToken, { check: { id: check }, service: { id: shop }, status: 'FAILED', message }),
      ),
    );
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    const { nodes } = await historyOf(check, shop);
    const reported = nodes.filter(({ message }: Json) => message !== null);
    expect(reported.map(({ message }: Json) => message).sort()).toEqual(messages.toSorted());
    expect(nodes.filter(({ replacedAt }: Json) => replacedAt === null)).toHaveLength(1);
  });

  test('can be sent in fifty aliases, each of which is a report', async () => {
    const check = await createManual();
    const field = `reportCheckResult(input: { check: { id: "${check}" }, service: { id: "${shop}" }, status: FAILED, message: "m" }) { errors { code } }`;
    const { data, errors } = await ownerToken.query(
      `mutation { ${Array.from({ length: 50 }, (_, at) => `a${at}: ${field}`).join(' ')} }`,
    );
    const done = Object.values(data ?? {}).filter((payload) => (payload as Json)?.errors.length === 0).length;
    const { nodes } = await historyOf(check, shop, ownerToken, { first: 500 });
    expect(nodes.filter(({ message }: Json) => message === 'm')).toHaveLength(done);
    // The limit of the cost or of the number of fields may refuse the document as a whole.
    expect(done === 50 || errors !== undefined).toBe(true);
  });

  test('writes one audit event, which is found by the check and by the service', async () => {
    const check = await createManual();
    const { checkResult } = await report(user, { check: { id: check }, service: { id: shop }, status: 'PASSED' });
    const events = async (targetId: string) =>
      (
        await queryData(
          ownerToken,
          'query ($id: ID!) { auditEvents(filter: { targetId: $id, action: "reportCheckResult" }) { nodes { actorName targetId permission after } } }',
          { id: targetId },
        )
      ).auditEvents.nodes;
    const event = {
      ...{ actorName: 'user <user@acme.test>', targetId: checkResult.id, permission: 'check_result:create' },
      after: expect.objectContaining({
        ...{ id: checkResult.id, checkId: check, serviceId: shop, reportedById: user.memberId, status: 'PASSED' },
      }),
    };
    expect(await events(checkResult.id)).toEqual([event]);
    expect(await events(check)).toEqual([event]);
    expect(await events(shop)).toContainEqual(event);
  });
});

test('a result PASSED is pending from its expiry on, and other results do not expire', async () => {
  const [check, other] = [await createManual({ frequencyDays: 30 }), await createManual({ frequencyDays: 30 })];
  const to = (id: string, status: string) =>
    report(ownerToken, { check: { id }, service: { id: shop }, status }, 'checkResult { id expiresAt }');
  const { checkResult } = await to(check, 'PASSED');
  expect((await to(other, 'FAILED')).checkResult.expiresAt).toBeNull();
  const left = Date.parse(checkResult.expiresAt) - Date.now();
  expect(left).toBeGreaterThan(29 * DAY);
  expect(left).toBeLessThanOrEqual(30 * DAY + 60_000);
  api.advance(29 * DAY);
  const status = async () => (await latest(check, shop))?.status;
  expect(await status()).toBe('PASSED');
  api.advance(DAY + 3_600_000);
  expect(await status()).toBe('PENDING');
  const stats = async () =>
    (
      await queryData(ownerToken, 'query ($id: ID!) { check(id: $id) { stats { passed failed pending } } }', {
        id: check,
      })
    ).check.stats;
  expect(await stats()).toMatchObject({ passed: 0, pending: 1 });
  const isPending = (await latestOf(shop, ownerToken, { status: 'PENDING' })).map((result) => result.check.id);
  expect(isPending).toContain(check);
  expect(isPending).not.toContain(other);
  // The evaluation of the service writes it down.
  await mutate(ownerToken, 'runChecks', { service: { id: shop } });
  expect((await historyOf(check, shop)).nodes).toMatchObject([
    { status: 'PENDING', reportedBy: null, replacedAt: null },
    { status: 'PASSED', replacedAt: expect.any(String) },
  ]);
  expect((await to(check, 'PASSED')).checkResult).not.toBeNull();
  expect(await status()).toBe('PASSED');
});

describe('the results of a service', () => {
  test('are listed by status, category and level', async () => {
    const service = await createService(ownerToken, 'Listed');
    const at = (category: string, level: string) => ({
      category: { id: rubric.categories[category] },
      level: { id: rubric.levels[level] },
    });
    const passed = await createManual({}, at('Observability', 'Silver'));
    const failed = await createManual({}, at('Observability', 'Gold'));
    for (const [id, status] of [
      [passed, 'PASSED'],
      [failed, 'FAILED'],
    ])
      await report(ownerToken, { check: { id }, service: { id: service }, status });
    const found = async (filter: object) => (await latestOf(service, ownerToken, filter)).map(({ check }) => check.id);
    expect(await found({ category: { alias: 'observability' }, status: 'PASSED' })).toEqual([passed]);
    expect(await found({ category: { id: rubric.categories['Observability'] }, status: 'FAILED' })).toEqual([failed]);
    expect(await found({ category: { alias: 'observability' }, level: { alias: 'silver' } })).toEqual([passed]);
    expect(await found({ category: { alias: 'nothing' } })).toEqual([]);
    expect(await found({ category: { id: unknownId('cat') } })).toEqual([]);
  });

  test('are read in pages, and a cursor of another filter is refused', async () => {
    const PAGE = `query ($id: ID!, $after: String, $filter: CheckResultFilter) { service(id: $id) {
      checkResults(first: 2, after: $after, filter: $filter) { totalCount pageInfo { hasNextPage endCursor } nodes { id } } } }`;
    const seen: string[] = [];
    let after: string | null = null;
    let total = 0;
    do {
      const { service } = await queryData(ownerToken, PAGE, { id: shop, after });
      seen.push(...service.checkResults.nodes.map(({ id }: Json) => id));
      total = service.checkResults.totalCount;
      after = service.checkResults.pageInfo.hasNextPage ? service.checkResults.pageInfo.endCursor : null;
    } while (after !== null);
    expect(total).toBeGreaterThan(3);
    expect(new Set(seen).size).toBe(total);
    expect(seen).toHaveLength(total);
    const { service } = await queryData(ownerToken, PAGE, { id: shop });
    const { errors } = await ownerToken.query(PAGE, {
      ...{ id: shop, after: service.checkResults.pageInfo.endCursor, filter: { status: 'FAILED' } },
    });
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_REQUEST']);
  });
});

test('runChecks evaluates a service and returns its results', async () => {
  const service = await createService(ownerToken, 'Checked');
  const check = await createCheck(ownerToken, rubric, { settings: { hasOwner: {} } });
  const run = async () => {
    const answer = await mutate(
      ownerToken,
      'runChecks',
      { service: { id: service } },
      'service { id } checkResults { status reportedBy { id } check { id } }',
    );
    expect(answer.service).toEqual({ id: service });
    return answer.checkResults.find((result: Json) => result.check.id === check);
  };
  expect(await run()).toEqual({ status: 'FAILED', reportedBy: null, check: { id: check } });
  const { team } = await mutate(ownerToken, 'createTeam', { name: 'Owners' }, 'team { id }');
  await api.root`update services set owner_id = ${uuidOf('tea', team.id)} where id = ${uuidOf('svc', service)}`;
  expect(await run()).toMatchObject({ status: 'PASSED' });
  expect(await mutate(ownerToken, 'runChecks', { service: { id: unknownId('svc') } })).toEqual({
    errors: [{ code: 'NOT_FOUND', path: ['service'] }],
  });
});

test('a check of a property compares numbers, and a text that is no number fails', async () => {
  const service = await createService(ownerToken, 'Replicated');
  const definition = { alias: 'replicas' };
  await mutate(ownerToken, 'createPropertyDefinition', { name: 'Replicas', ...definition, schema: {} });
  const predicate = { operator: 'GREATER_THAN_OR_EQUAL_TO', value: '3' };
  const check = await createCheck(ownerToken, rubric, { settings: { serviceProperty: { definition, predicate } } });
  const statusWith = async (value: unknown) => {
    const input = { service: { id: service }, definition, value };
    expect((await mutate(ownerToken, 'setServiceProperty', input)).errors).toEqual([]);
    return (await latest(check, service))?.status;
  };
  await runJobs(api);
  expect(await statusWith(10)).toBe('PASSED');
  expect(await statusWith(2.5)).toBe('FAILED');
  expect(await statusWith(3)).toBe('PASSED');
  expect(await statusWith('many')).toBe('FAILED');
  expect(await statusWith(null)).toBe('FAILED');
});

test('createChecks creates up to 500 checks or none, with errors by index', async () => {
  const at = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };
  const input = (name: string, settings: object) => ({ name, ...at, settings });
  const create = (caller: Caller, checks: object[]) =>
    mutate(caller, 'createChecks', { checks }, 'checks { name type }');
  const total = async () => Number((await api.root`select count(*) as total from checks`)[0]?.['total']);
  const before = await total();
  const wrong = [
    input('Right', { manual: {} }),
    input('Wrong', { recentDeploy: { days: 0 } }),
    input('Worse', { serviceProperty: {} }),
  ];
  expect(await create(ownerToken, wrong)).toEqual({
    checks: null,
    errors: [{ code: 'INVALID', path: ['checks', '1', 'settings', 'recentDeploy', 'days'] }],
  });
  expect(await create(ownerToken, [wrong[0] as object, wrong[2] as object])).toEqual({
    checks: null,
    errors: [{ code: 'INVALID', path: ['checks', '1', 'settings', 'serviceProperty'] }],
  });
  expect(await total()).toBe(before);
  expect(await create(ownerToken, [input('A', { hasOwner: {} }), input('B', { tagDefined: { key: 'env' } })])).toEqual({
    checks: [
      { name: 'A', type: 'HAS_OWNER' },
      { name: 'B', type: 'TAG_DEFINED' },
    ],
    errors: [],
  });
  const userToken = await createApiToken(api, await addMember(api, acme, 'user', 'other'), 'READ');
  expect(await create(userToken, [input('C', { manual: {} })])).toEqual({ refused: 'NO_GRANT' });
});

describe('the token of a service account with check_result:create only', () => {
  const CI = 'mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret errors { code } } }';
  const ci = (async () => {
    const statements = [allow('check_result:create')];
    const session = await addMember(api, acme, 'owner', 'maker');
    const { role } = await mutate(session, 'createRole', { name: 'CI job', statements }, 'role { id }');
    const { serviceAccount } = await mutate(
      session,
      'createServiceAccount',
      { name: 'CI', roleId: role.id },
      'serviceAccount { id }',
    );
    const input = { name: 'CI', access: 'WRITE', serviceAccountId: serviceAccount.id };
    return { ...api.as((await executeMutation(session, CI, { input })).secret), id: serviceAccount.id };
  })();

  test('reports results by the aliases of the check and the service', async () => {
    const check = await createManual({}, { alias: 'ci-passed' });
    const { errors } = await report(
      await ci,
      { check: { alias: 'ci-passed' }, service: { alias: 'shop' }, status: 'PASSED' },
      '',
    );
    expect(errors).toEqual([]);
    expect((await historyOf(check, shop)).nodes[0]).toMatchObject({
      ...{ status: 'PASSED', reportedBy: { id: (await ci).id } },
    });
    expect(await mutate(await ci, 'runChecks', { service: { id: shop } })).toEqual({ errors: [] });
  });

  test('can do nothing else', async () => {
    const caller = await ci;
    const refused = { refused: 'NO_GRANT' };
    expect(await mutate(caller, 'createService', { name: 'Mine' })).toEqual(refused);
    expect(await mutate(caller, 'updateService', { service: { id: shop }, name: 'Mine' })).toEqual(refused);
    expect(await mutate(caller, 'updateCheck', { check: { alias: 'ci-passed' }, name: 'Mine' })).toEqual(refused);
    const { data } = await caller.query(
      '{ services { nodes { id } } checks { nodes { id } } check(alias: "ci-passed") { id } members { nodes { id } } }',
    );
    expect(data).toEqual({ services: null, checks: null, check: null, members: null });
    const id = (await api.root`select id from check_results limit 1`)[0]?.['id'];
    expect(id).toBeDefined();
    const list = await caller.query(HISTORY, { check: unknownId('chk'), service: shop });
    expect(list.data).toEqual({ service: null });
  });
});

describe('a statement for services of the principal’s teams', () => {
  // Its session begins after the clock has advanced.
  const world = lazily(async () => {
    const maker = await addMember(api, acme, 'owner', 'ownership');
    const statement = { effect: 'ALLOW', permissions: ['check_result:*'], ownedByPrincipal: true };
    const statements = [statement, allow('service:read', 'check:read')];
    const { role } = await mutate(maker, 'createRole', { name: 'Developer', statements }, 'role { id }');
    const developer = await addMember(api, acme, 'read', 'developer');
    await executeMutation(
      maker,
      'mutation ($input: UpdateMemberInput!) { updateMember(input: $input) { errors { code } } }',
      { input: { id: developer.memberId, roleId: role.id } },
    );
    const create = async (name: string, members: object[]) =>
      (await mutate(maker, 'createTeam', { name, members }, 'team { id }')).team.id;
    const service = async (name: string, team: string) =>
      (await mutate(maker, 'createService', { name, owner: { id: team } }, 'service { id }')).service.id;
    const own = await service('Own', await create('Own team', [{ principalId: developer.memberId }]));
    const other = await service('Other', await create('Other team', []));
    return { developer, own, other, check: await createManual({}, { name: 'By owners' }) };
  });

  test('allows reports for these services only', async () => {
    const { developer, own, other, check } = await world();
    const input = (service: string) => ({ check: { id: check }, service: { id: service }, status: 'PASSED' });
    expect((await report(developer, input(own))).errors).toEqual([]);
    expect(await report(developer, input(other))).toEqual({ refused: expect.any(String) });
    expect(await mutate(developer, 'runChecks', { service: { id: other } })).toEqual({ refused: expect.any(String) });
    expect((await latest(check, other))?.status).not.toBe('PASSED');
  });

  test('shows results, lists and numbers of these services only', async () => {
    const { developer, own, other, check } = await world();
    await report(ownerToken, { check: { id: check }, service: { id: own }, status: 'PASSED' });
    await report(ownerToken, { check: { id: check }, service: { id: other }, status: 'PASSED' });
    const CHECK =
      'query ($id: ID!) { check(id: $id) { stats { passed } results(filter: { status: PASSED }) { totalCount nodes { id service { id } } } } }';
    const of = async (caller: Caller) => (await queryData(caller, CHECK, { id: check })).check;
    const all = await of(ownerToken);
    expect(all).toMatchObject({ stats: { passed: 2 }, results: { totalCount: 2 } });
    const seen = await of(developer);
    expect(seen).toMatchObject({ stats: { passed: 1 }, results: { totalCount: 1, nodes: [{ service: { id: own } }] } });
    const hidden = all.results.nodes.find((result: Json) => result.service.id === other).id;
    const NODE = 'query ($id: ID!) { node(id: $id) { id } }';
    expect(await queryData(developer, NODE, { id: hidden })).toEqual({ node: null });
    expect(await queryData(developer, NODE, { id: seen.results.nodes[0].id })).not.toEqual({ node: null });
    const { data } = await developer.query(LATEST, { id: other });
    expect(data.service).toEqual({ checkResults: null });
  });
});

test('results are deleted a year after they were replaced, and the latest is kept', async () => {
  const check = await createManual();
  for (const message of ['Old', 'Recent', 'Latest'])
    await report(ownerToken, { check: { id: check }, service: { id: shop }, status: 'FAILED', message });
  const age = async (message: string, days: number, column: string): Promise<void> => {
    const at = new Date(api.app.dependencies.clock().getTime() - days * DAY);
    await api.root`update check_results set ${api.root(column)} = ${at}
      where message = ${message} and check_id = ${uuidOf('chk', check)}`;
  };
  await age('Old', 366, 'replaced_at');
  await age('Recent', 364, 'replaced_at');
  await age('Latest', 400, 'created_at');
  await enqueue(api, 'clean-up', { after: null });
  await runJobs(api);
  const messages = (await historyOf(check, shop)).nodes.map(({ message }: Json) => message).filter(Boolean);
  expect(messages.sort()).toEqual(['Latest', 'Recent']);
});
