import { getNamedType, isInputObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { decodeId } from '../../src/lib/ids.ts';
import { buildSchema } from '../../src/schema.ts';
import {
  allow,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
  giveRole,
  projectRoleId,
} from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  membersOfEachRole,
  mutate,
  queryData,
  roleId,
} from '../support/world.ts';
import { rootFields, unknownId } from './support.ts';

/** Investigations in the audit log: who did what, to which object, and what was attempted. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const people = await membersOfEachRole(api, acme);
const { owner, admin } = people;
const rubric = await getRubric(owner);

/** All that an investigation needs of an event. */
const EVENT = `id action outcome reason dryRun input targetId targetIds before after related { targetId before after }
  actorName actor { kind id userId name email principal { id } }`;
const LIST = `query ($filter: AuditEventFilter, $orderBy: AuditEventOrder, $after: String) {
  auditEvents(first: 100, after: $after, filter: $filter, orderBy: $orderBy) {
    totalCount pageInfo { hasNextPage endCursor } nodes { ${EVENT} } } }`;

/** The events that match, as this caller sees them. The count is that of the list. */
async function find(filter: Json = {}, by: Caller = owner, orderBy?: Json): Promise<Json[]> {
  const events: Json[] = [];
  for (let after: string | null = null, more = true; more; ) {
    const { auditEvents } = await queryData(by, LIST, { filter, orderBy, after });
    events.push(...auditEvents.nodes);
    more = auditEvents.pageInfo.hasNextPage;
    after = auditEvents.pageInfo.endCursor;
    if (!more) expect(auditEvents.totalCount).toBe(events.length);
  }
  return events;
}
const actions = (events: Json[]): string[] => events.map(({ action }) => action);
const newest = async (): Promise<Json> => (await find())[0];
const categoryOf = async (by: Caller, name: string): Promise<string> =>
  (await mutate(by, 'createCategory', { name }, 'category { id }')).category.id;

test('a service account that is named like a person is a service account in the log', async () => {
  const robot = await createServiceAccount(admin, owner.email, roleId('admin'));
  const { secret } = await mutate(
    admin,
    'createApiToken',
    { serviceAccountId: robot, name: 'Deploy', access: 'WRITE' },
    'secret apiToken { id }',
  );
  await categoryOf(api.as(secret), 'By a program');
  const [event, ...others] = await find({ actorId: robot });
  expect(others).toEqual([]);
  expect(event).toMatchObject({
    action: 'createCategory',
    actorName: `${owner.email} (service account)`,
    actor: {
      kind: 'SERVICE_ACCOUNT',
      id: robot,
      userId: null,
      name: owner.email,
      email: null,
      principal: { id: robot },
    },
  });
  await mutate(owner, 'deleteServiceAccount', { id: robot });
  expect((await find({ actorId: robot }))[0].actor).toMatchObject({ id: robot, name: owner.email, principal: null });
  // The creation and the deletion of the token and of the account are events of the account.
  expect(actions(await find({ targetId: robot }))).toEqual([
    'deleteServiceAccount',
    'createApiToken',
    'createServiceAccount',
  ]);
});

test('events are found by each ID of their actor and by credential, and by none of another organization', async () => {
  const ada = await addMember(api, acme, 'admin', 'ada');
  const token = await createApiToken(api, ada, 'WRITE');
  await categoryOf(token, 'By a token');
  for (const actorId of [ada.memberId, ada.userId])
    expect(actions(await find({ actorId }))).toEqual(['createCategory', 'createApiToken', 'signIn']);
  expect(actions(await find({ credentialId: token.id }))).toEqual(['createCategory']);
  const session = (await ada.query('{ viewer { credential { id } } }')).data.viewer.credential.id;
  expect(actions(await find({ credentialId: session }))).toEqual(['createApiToken', 'signIn']);
  const foreign = [
    ...[ada.memberId, ada.userId, unknownId('sva'), acme.id, 'made up', '\u0000'].map((actorId) => ({ actorId })),
    ...[token.id, session, ada.userId, 'made up'].map((credentialId) => ({ credentialId })),
    ...[ada.memberId, acme.id, '\u0000'].map((targetId) => ({ targetId })),
    ...['\u0000', 'made up'].map((requestId) => ({ requestId })),
    { action: ['\u0000'] },
    { action: [] },
  ];
  for (const filter of foreign) expect(await find(filter, globex.owner), JSON.stringify(filter)).toEqual([]);
});

test('a page of 100 events with all changes costs less than half of the limit', async () => {
  const page = `auditEvents(first: 100) { nodes { ${EVENT} } }`;
  const { errors, data } = await owner.query(`{ one: ${page} two: ${page} }`);
  expect(errors).toBeUndefined();
  expect(data.one).toEqual(data.two);
  const three = await owner.query(`{ one: ${page} two: ${page} three: ${page} }`);
  expect(three.errors).toMatchObject([{ message: expect.stringContaining('too large') }]);
});

test('events are found by action, permission, outcome, time and request, in both orders', async () => {
  const before = await newest();
  api.advance(60_000);
  const since = (await api.app.dependencies.clock()).toISOString();
  const id = await categoryOf(owner, 'Of this time');
  expect(await mutate(people.read, 'deleteCategory', { category: { id } })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(owner, 'updateCategory', { category: { id }, name: '' })).toMatchObject({ errors: [{}] });
  const requested = await owner.query(
    `mutation { deleteCategory(input: { category: { id: "${id}" } }) { deletedId } }`,
  );
  const requestId = requested.headers.get('x-request-id');
  api.advance(60_000);
  const until = (await api.app.dependencies.clock()).toISOString();
  await categoryOf(owner, 'Afterwards');

  const order = ['createCategory', 'deleteCategory', 'updateCategory', 'deleteCategory'];
  const range = { since, until };
  expect(actions(await find(range, owner, { direction: 'ASC' }))).toEqual(order);
  expect(actions(await find(range))).toEqual(order.toReversed());
  expect(actions(await find({ until: since }))[0]).toBe(before.action);
  expect(actions(await find({ ...range, action: ['createCategory', 'updateCategory'] }))).toEqual([
    'updateCategory',
    'createCategory',
  ]);
  expect(actions(await find({ ...range, permission: 'category:update' }))).toEqual(['updateCategory']);
  const outcomes = async (outcome: string[]) => (await find({ ...range, outcome })).map((event) => event.outcome);
  expect(await outcomes(['REFUSED', 'REJECTED'])).toEqual(['REJECTED', 'REFUSED']);
  expect(await outcomes(['ALLOWED'])).toEqual(['ALLOWED', 'ALLOWED']);
  expect(await outcomes(['FAILED'])).toEqual([]);
  expect(actions(await find({ requestId }))).toEqual(['deleteCategory']);
  expect(actions(await find({ ...range, targetId: id, actorId: people.read.userId }))).toEqual(['deleteCategory']);
  const tooLong = await owner.query(LIST, { filter: { action: Array(101).fill('signIn') } });
  expect(tooLong.errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
});

test('pages in both orders contain each event once', async () => {
  const PAGE = `query ($after: String, $orderBy: AuditEventOrder) {
    auditEvents(first: 3, after: $after, orderBy: $orderBy) { nodes { id } pageInfo { hasNextPage endCursor } } }`;
  const all = (await find()).map(({ id }) => id);
  for (const direction of ['DESC', 'ASC']) {
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const { auditEvents } = await queryData(owner, PAGE, { after, orderBy: { direction } });
      seen.push(...auditEvents.nodes.map(({ id }: Json) => id));
      after = auditEvents.pageInfo.endCursor;
      more = auditEvents.pageInfo.hasNextPage;
    }
    expect(seen).toEqual(direction === 'DESC' ? all : all.toReversed());
  }
});

test('transferOwnership is found by both members, and says what each of them held', async () => {
  const [old, next] = [(await createOrganization(api, 'initech')).owner, globex.owner];
  const heir = await addMember(api, { ...globex, slug: 'globex' }, 'admin', 'heir');
  await mutate(next, 'transferOwnership', { memberId: heir.memberId });
  for (const targetId of [heir.memberId, next.memberId]) {
    const [event] = await find({ targetId, action: ['transferOwnership'] }, heir);
    const roles = (state: Json): string[] => state.roles.map(({ role }: Json) => role.name);
    expect([event.targetId, roles(event.before), roles(event.after)]).toEqual([heir.memberId, ['Admin'], ['Owner']]);
    expect(event.targetIds).toEqual([heir.memberId, next.memberId]);
    const [{ before, after }] = event.related;
    expect([before.id, roles(before), roles(after)]).toEqual([next.memberId, ['Owner'], ['Admin']]);
    expect(after.roles[0].role).toEqual({ id: roleId('admin'), name: 'Admin' });
  }
  expect(await find({ targetId: heir.memberId }, old)).toEqual([]);
});

test('an event of several objects is found by each of them', async () => {
  const emails = ['a@guest.test', 'b@guest.test', 'c@guest.test'];
  const { invitations } = await mutate(
    owner,
    'createInvitations',
    { emails, roleId: roleId('read') },
    'invitations { id }',
  );
  for (const { id } of invitations) {
    const [event] = await find({ targetId: id });
    expect(event.targetIds).toEqual(expect.arrayContaining(invitations.map((one: Json) => one.id)));
    expect([event.after, ...event.related.map((one: Json) => one.after)].map(({ email }) => email)).toEqual(emails);
  }

  const leaver = await addMember(api, acme, 'admin', 'leaver');
  const check = await createCheck(owner, rubric, { ownerId: leaver.memberId });
  await mutate(owner, 'deleteMember', { id: leaver.memberId });
  const [cleared] = await find({ targetId: check });
  expect(cleared).toMatchObject({ action: 'deleteMember', targetIds: [leaver.memberId, check] });

  const project = await createProject(owner, 'several');
  const projectMember = await giveProjectRole(owner, project, people.user.memberId, roleId('read')).catch(() => null);
  const given = projectMember ?? (await giveProjectRole(owner, project, people.user.memberId, null));
  for (const targetId of [given, project, people.user.memberId])
    expect((await find({ targetId, action: ['createProjectMember'] }))[0].targetIds).toEqual(
      expect.arrayContaining([given, project, people.user.memberId]),
    );
});

test('invitations are found by the permission that was asked, which depends on the input', async () => {
  const project = await createProject(owner, 'inviting');
  const manager = await addMember(api, acme, 'user', 'inviting-manager');
  await giveProjectRole(owner, project, manager.memberId, projectRoleId('manager'));
  const found = async (permission: string, outcome: string) =>
    (await find({ permission, outcome: [outcome], actorId: manager.memberId })).map(({ action }) => action);
  const projectRoles = [{ projectId: project, roleId: projectRoleId('read') }];
  const input = { emails: ['local@guest.test'], projectRoles };
  const { invitations } = await mutate(manager, 'createInvitations', input, 'invitations { id }');
  await mutate(manager, 'resendInvitation', { id: invitations[0].id });
  await mutate(manager, 'deleteInvitation', { id: invitations[0].id });
  expect(await found('project_member:create', 'ALLOWED')).toEqual(['resendInvitation', 'createInvitations']);
  expect(await found('project_member:delete', 'ALLOWED')).toEqual(['deleteInvitation']);

  const whole = { emails: ['whole@guest.test'], roleId: roleId('read') };
  expect(await mutate(manager, 'createInvitations', whole)).toEqual({ refused: 'NO_GRANT' });
  expect(await found('invitation:create', 'REFUSED')).toEqual(['createInvitations']);
  expect(await mutate(people.read, 'createInvitations', input)).toEqual({ refused: 'NO_GRANT' });
  expect(await find({ permission: 'project_member:create', actorId: people.read.memberId })).toMatchObject([
    { action: 'createInvitations', outcome: 'REFUSED' },
  ]);
  const unknown = unknownId('inv');
  expect(await mutate(owner, 'deleteInvitation', { id: unknown })).toEqual({ refused: 'NOT_FOUND' });
  expect(await find({ permission: 'invitation:delete', targetId: unknown })).toHaveLength(1);
});

test('a refused mutation says what was attempted, without secrets and within a limit', async () => {
  const input = { id: owner.memberId, roleId: roleId('read'), dryRun: true };
  await mutate(people.read, 'updateMember', input);
  expect(await newest()).toMatchObject({ outcome: 'REFUSED', dryRun: true, input, targetId: owner.memberId });

  await mutate(owner, 'updateMember', { ...input, id: people.read.memberId });
  expect((await newest()).dryRun).toBe(true);
  expect((await newest()).input).toEqual(input);

  await mutate(owner, 'signIn', { email: owner.email, password: 'not the password' });
  expect(await newest()).toMatchObject({
    input: { email: '[redacted]', password: '[redacted]' },
    targetId: owner.memberId,
  });

  const description = 'x'.repeat(90_000);
  const statements = Array.from({ length: 60 }, () => ({ effect: 'ALLOW', permissions: ['check:read'] }));
  await mutate(people.read, 'createPolicy', { name: 'a\u0000\ud800', description, statements });
  const large = (await newest()).input;
  expect(large).toEqual({
    name: 'a\ufffd\ufffd',
    description: `${'x'.repeat(500)}…`,
    statements: statements.slice(0, 50),
  });
  const emails = Array.from({ length: 800 }, (_, at) => `${at}${'x'.repeat(90)}@example.test`);
  await mutate(people.read, 'createInvitations', { roleId: roleId('read'), emails });
  expect((await newest()).input).toEqual({ roleId: roleId('read'), omitted: ['emails'] });
});

test('a failed sign-in of a signed-in caller is one event, with the member as its target', async () => {
  const attempt = { email: people.user.email, password: 'not the password' };
  const events = () => find({ action: ['signIn'], targetId: people.user.memberId, outcome: ['REFUSED', 'REJECTED'] });
  const before = (await events()).length;
  await mutate(owner, 'signIn', attempt);
  await mutate(api.as(), 'signIn', attempt);
  // The event of the anonymous caller is the later one.
  await until(async () => (await events())[0]?.outcome === 'REFUSED');
  expect((await events()).slice(0, -before || undefined).map(({ outcome }: Json) => outcome)).toEqual([
    'REFUSED',
    'REJECTED',
  ]);
});

test('a rejected input has each code once', async () => {
  const roles = { policyIds: [unknownId('pol'), unknownId('pol')], name: 'No policies' };
  await mutate(owner, 'createRole', roles);
  expect(await newest()).toMatchObject({ outcome: 'REJECTED', reason: 'NOT_FOUND', input: roles });
});

test('a mutation that names its target by alias is found by the target, also if it was refused', async () => {
  const { category } = await mutate(owner, 'createCategory', { name: 'Aliased', alias: 'aliased' }, 'category { id }');
  const aliases = Array.from({ length: 50 }, (_, at) => `a${at}: deleteCategory(input: $input) { __typename }`);
  const flood = `mutation ($input: DeleteCategoryInput!) { ${aliases.join(' ')} }`;
  expect((await people.read.query(flood, { input: { category: { alias: 'aliased' } } })).errors).toHaveLength(50);
  expect(await find({ targetId: category.id, outcome: ['REFUSED'] })).toHaveLength(50);
  const input = { category: { alias: 'no-such-alias' } };
  await mutate(people.read, 'deleteCategory', input);
  expect(await newest()).toMatchObject({ outcome: 'REFUSED', reason: 'NO_GRANT', targetId: null, input });
});

test('what a refused mutation had created is not its target', async () => {
  const assistant = await createRole(owner, 'Assistant', [allow('role:*', 'policy:*', 'project:read')]);
  const member = await addMember(api, acme, 'read', 'assistant');
  await giveRole(owner, member.memberId, assistant);
  const stronger = await mutate(owner, 'createPolicy', { name: 'Strong', statements: [allow('*')] }, 'policy { id }');
  const input = { name: 'Mine', policyIds: [stronger.policy.id] };
  expect(await mutate(member, 'createRole', input)).toEqual({ refused: 'NOT_HELD' });
  expect(await newest()).toMatchObject({ outcome: 'REFUSED', targetId: null, targetIds: [], input });
});

test('events of a project that the reader cannot see are hidden in lists, counts, filters and by ID', async () => {
  const project = await createProject(owner, 'hidden');
  const dataset = (await mutate(owner, 'createDataset', { projectId: project, name: 'Secret' }, 'dataset { id }'))
    .dataset.id;
  await mutate(people.read, 'updateDataset', { id: dataset, name: 'Refused' });
  const joiner = await addMember(api, acme, 'user', 'joiner');
  await giveProjectRole(owner, project, joiner.memberId, null);
  const auditor = await addMember(api, acme, 'read', 'auditor');
  await giveRole(owner, auditor.memberId, await createRole(owner, 'Auditor', [allow('*')]));
  await mutate(owner, 'deleteMember', { id: joiner.memberId });
  const all = await find({}, auditor);
  expect(all).toEqual(await find({}, owner));
  const about = await find({ targetId: project });
  expect(actions(about)).toEqual(['createProjectMember', 'updateDataset', 'createDataset', 'createProject']);

  await giveProjectRole(owner, project, auditor.memberId, null);
  const seen = await find({}, auditor);
  expect(seen.map(({ id }) => id)).toEqual(
    all.map(({ id }) => id).filter((id) => !about.some((event) => event.id === id)),
  );
  for (const filter of [{ targetId: project }, { targetId: dataset }, { action: ['createDataset', 'updateDataset'] }])
    expect(await find(filter, auditor)).toEqual([]);
  for (const { id } of about) {
    const { data } = await auditor.query('query ($id: ID!) { node(id: $id) { id } auditEvent(id: $id) { id } }', {
      id,
    });
    expect(data).toEqual({ node: null, auditEvent: null });
  }
  // An event of the organization stays, without what it says about the project.
  const [removed] = await find({ targetId: joiner.memberId, action: ['deleteMember'] }, auditor);
  const [whole] = await find({ targetId: joiner.memberId, action: ['deleteMember'] }, owner);
  expect([removed.before.roles.length, whole.before.roles.length]).toEqual([1, 2]);
  expect(JSON.stringify(seen)).not.toContain(project);

  // Earlier versions did not record the projects of an event.
  const [first] = seen;
  await api.root`update audit_events set project_ids = null where id = ${decodeId(first.id)?.uuid ?? ''}`;
  const ids = async (reader: Caller) => (await find({}, reader)).map(({ id }: Json) => id);
  expect(await ids(owner)).toContain(first.id);
  expect(await ids(auditor)).toEqual(seen.slice(1).map(({ id }) => id));
  const byId = 'query ($id: ID!) { auditEvent(id: $id) { id } }';
  expect((await auditor.query(byId, { id: first.id })).data).toEqual({ auditEvent: null });
});

test('every input field that is named like a secret is declared as one', () => {
  const inputs = rootFields(buildSchema(), 'Mutation').flatMap(({ args }) =>
    args.map(({ type }) => getNamedType(type)),
  );
  const fields = inputs.filter(isInputObjectType).flatMap((type) => Object.values(type.getFields()));
  const suspicious = fields.filter(({ name }) => /password|secret|credential|otp|token|key$/i.test(name));
  const open = suspicious.filter(({ extensions }) => !extensions['secret']).map(({ name }) => name);
  // The key of a project is a short name, and the other one is a number of days.
  expect([...new Set(open)]).toEqual(['key', 'apiTokenMaxDays']);
  expect(suspicious.length).toBeGreaterThan(open.length + 3);
});
