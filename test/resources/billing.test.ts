import { expect, test } from 'vitest';
import { createRole, giveRole } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  membersOfEachRole,
  mutate,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);

const BILLING =
  'organization { billing { plan since contactEmail history { plan startedAt endedAt changedBy { id } } } }';
const billingOf = async (by: Caller): Promise<Json> => (await queryData(by, `{ ${BILLING} }`)).organization.billing;
const setContact = (by: Caller, input: object): Promise<Json> =>
  mutate(by, 'updateBillingContact', input, 'billing { contactEmail }');

test('billing has the plan, since when, and the history of plans with who chose each', async () => {
  const { owner } = await createOrganization(api, 'initech');
  const [first] = (await billingOf(owner)).history;
  expect(await billingOf(owner)).toEqual({
    plan: 'ENTERPRISE',
    since: first.startedAt,
    contactEmail: null,
    history: [{ plan: 'ENTERPRISE', startedAt: expect.any(String), endedAt: null, changedBy: { id: owner.memberId } }],
  });
  await mutate(owner, 'updatePlan', { plan: 'FREE', dryRun: true });
  await mutate(owner, 'updatePlan', { plan: 'ENTERPRISE' });
  expect((await billingOf(owner)).history).toEqual([first]);

  await mutate(owner, 'updatePlan', { plan: 'TEAM' });
  const { plan, since, history } = await billingOf(owner);
  expect({ plan, history }).toEqual({
    plan: 'TEAM',
    history: [
      { plan: 'TEAM', startedAt: since, endedAt: null, changedBy: { id: owner.memberId } },
      { ...first, endedAt: since },
    ],
  });
});

test('only callers with billing:read see billing, and only their own organization', async () => {
  for (const role of ['write', 'user', 'read'] as const) {
    const { data, errors } = await people[role].query(`{ ${BILLING} }`);
    expect(data).toEqual({ organization: { billing: null } });
    expect(errors?.map(({ extensions }) => [extensions.permission, extensions.reason])).toEqual([
      ['billing:read', 'NO_GRANT'],
    ]);
  }
  expect((await billingOf(await createApiToken(api, people.admin, 'READ'))).plan).toBe('ENTERPRISE');
  const globex = await createOrganization(api, 'globex');
  expect((await billingOf(globex.owner)).history.map(({ changedBy }: Json) => changedBy)).toEqual([
    { id: globex.owner.memberId },
  ]);
});

test('the contact is set, kept if omitted, cleared by null, and must be an address', async () => {
  expect(await setContact(people.admin, { email: ' billing@acme.test ' })).toEqual({
    billing: { contactEmail: 'billing@acme.test' },
    errors: [],
  });
  expect(await setContact(people.admin, {})).toMatchObject({ billing: { contactEmail: 'billing@acme.test' } });
  for (const email of ['nobody', 'a@b.test\r\nBcc: c@d.test', ''])
    expect(await setContact(people.admin, { email })).toEqual({
      billing: null,
      errors: [{ code: 'INVALID', path: ['email'] }],
    });
  expect((await billingOf(acme.owner)).contactEmail).toBe('billing@acme.test');
  expect(await setContact(acme.owner, { email: null })).toEqual({ billing: { contactEmail: null }, errors: [] });
});

test('setting the contact requires billing:update and a credential that can write', async () => {
  for (const role of ['write', 'user', 'read'] as const)
    expect(await setContact(people[role], { email: 'eve@acme.test' })).toEqual({ refused: 'NO_GRANT' });
  expect(await setContact(await createApiToken(api, people.admin, 'READ'), { email: 'eve@acme.test' })).toEqual({
    refused: 'READ_ONLY_TOKEN',
  });
  expect((await billingOf(acme.owner)).contactEmail).toBeNull();
});

test('the audit log has changes of the contact, and other events of the organization do not disclose it', async () => {
  await setContact(acme.owner, { email: 'secret@acme.test' });
  await mutate(acme.owner, 'updateOrganization', { id: acme.id, name: 'Acme' });
  const { auditEvents } = await queryData(
    acme.owner,
    'query ($id: ID!) { auditEvents(first: 2, filter: { targetId: $id }) { nodes { action after } } }',
    { id: acme.id },
  );
  expect(auditEvents.nodes).toEqual([
    { action: 'updateOrganization', after: expect.not.objectContaining({ billingEmail: expect.anything() }) },
    { action: 'updateBillingContact', after: { id: acme.id, billingEmail: 'secret@acme.test' } },
  ]);
});

test('the history keeps a plan after the member who chose it has left', async () => {
  const hooli = await createOrganization(api, 'hooli');
  const { owner } = hooli;
  const leaving = await addMember(api, hooli, 'admin', 'leaving');
  await mutate(leaving, 'updatePlan', { plan: 'TEAM' });
  expect((await billingOf(owner)).history[0].changedBy).toEqual({ id: leaving.memberId });
  // Without `member:read` the history names nobody else.
  const clerk = await createRole(owner, 'Clerk', [
    { effect: 'ALLOW', permissions: ['billing:read', 'organization:read'] },
  ]);
  const bookkeeper = await addMember(api, hooli, 'read', 'bookkeeper');
  await giveRole(owner, bookkeeper.memberId, clerk);
  expect((await billingOf(bookkeeper)).history[0]).toMatchObject({ plan: 'TEAM', changedBy: null });
  await mutate(owner, 'deleteMember', { id: leaving.memberId });
  expect((await billingOf(owner)).history[0]).toMatchObject({ plan: 'TEAM', changedBy: null });
});
