import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { statementsOf } from '../support/statements.ts';
import {
  createCheck,
  createOrganization,
  getRubric,
  membersOfEachRole,
  mutate,
  queryData,
  roleId,
} from '../support/world.ts';

const api = await startApi({ pool: 2 });
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
await api.root`update organizations set plan = 'ENTERPRISE'`;

/** The maximum number of statements of the request, with authentication and audit event. */
const LIMIT = 14;

async function createRole(name: string): Promise<string> {
  const statements = [{ effect: 'ALLOW', permissions: ['*:read'] }];
  const { policy } = await mutate(acme.owner, 'createPolicy', { name, statements }, 'policy { id }');
  const { role } = await mutate(acme.owner, 'createRole', { name, policyIds: [policy.id] }, 'role { id }');
  return role.id;
}

const [one, another] = [await createRole('One'), await createRole('Another')];
const inAnHour = new Date(Date.now() + 3_600_000).toISOString();

const CHANGES: [title: string, before: object, after: object][] = [
  ['from one built-in role to another', { roleId: roleId('write') }, { roleId: roleId('user') }],
  ['from one custom role to another', { roleId: one }, { roleId: another }],
  ['to a role that expires', { roleId: one }, { roleId: roleId('user'), roleExpiresAt: inAnHour, fallbackRoleId: one }],
];

test.each(CHANGES)(`a change of a member's role %s takes at most ${LIMIT} statements`, async (_, before, after) => {
  const change = (role: object) => mutate(acme.owner, 'updateMember', { id: people.read.memberId, ...role });
  expect(await change(before)).toEqual({ errors: [] });
  const sent = await statementsOf(api, async () => expect(await change(after)).toEqual({ errors: [] }));
  const list = sent.map((text, at) => `${at + 1}. ${text}`).join('\n');
  expect(sent.length, `${sent.length} statements:\n${list}`).toBeLessThanOrEqual(LIMIT);
});

test('owners of checks are read with their users in one statement, also if resolvers read their roles', async () => {
  const rubric = await getRubric(acme.owner);
  const owners = [people.read, people.admin];
  for (const [at, { memberId }] of owners.entries())
    await createCheck(acme.owner, rubric, { name: `Check ${at}`, ownerId: memberId });
  const list = '{ checks { nodes { owner { id user { email } role { name } } } } }';
  const sent = await statementsOf(api, async () => {
    const { checks } = await queryData(people.read, list);
    expect(checks.nodes).toEqual(
      owners.map(({ memberId, email }) => ({
        owner: { id: memberId, user: { email }, role: { name: expect.any(String) } },
      })),
    );
  });
  expect(sent.filter((text) => /from "(principals|people|users)"/.test(text))).toHaveLength(1);
});
