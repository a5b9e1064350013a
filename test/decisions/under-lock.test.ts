import type { TransactionSql } from 'postgres';
import { expect, test } from 'vitest';
import { addMember, duringChange, lockOrganization, mutate, queryData, setRole } from '../support/world.ts';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  roleIdOf,
  startWorld,
} from './support.ts';

/** What a mutation finds when it has waited for another change of the organization. */
const { api, acme, people } = await startWorld();
const { owner } = people;

/** Makes somebody Read, under the lock that every change of access takes. */
const demote = (email: string) => async (sql: TransactionSql) => {
  await lockOrganization(sql, 'acme');
  await setRole(sql, email, 'read');
};

test('who is demoted while deleteProject waits deletes no project', async () => {
  const id = await createProject(owner, 'kept');
  const admin = await addMember(api, acme, 'admin', 'demoted-admin');
  const input = { id, key: 'kept' };
  expect(await duringChange(api, demote(admin.email), () => mutate(admin, 'deleteProject', input))).toEqual({
    refused: 'NO_GRANT',
  });
  expect(await queryData(owner, '{ project(key: "kept") { id } }')).toEqual({ project: { id } });
});

test('who is demoted while deleteOrganization waits deletes no organization', async () => {
  const second = await addMember(api, acme, 'owner', 'demoted-owner');
  const input = { id: acme.id, slug: 'acme' };
  expect(await duringChange(api, demote(second.email), () => mutate(second, 'deleteOrganization', input))).toEqual({
    refused: 'NO_GRANT',
  });
  expect((await queryData(owner, '{ viewer { organization { slug } } }')).viewer.organization).toEqual({
    slug: 'acme',
  });
});

test('an Admin who is demoted while a mutation waits for the lock changes nothing', async () => {
  const policyId = await createPolicy(owner, [allow('check:read')]);
  const INPUTS: Record<string, object> = {
    createInvitations: { emails: ['late@acme.test'], roleId: roleIdOf('read') },
    createProject: { key: 'late', name: 'Late' },
    createRole: { name: 'Late', policyIds: [policyId] },
    deletePolicy: { id: await createPolicy(owner, [allow('check:read')]) },
    updateOrganization: { id: acme.id, name: 'Late' },
  };
  for (const [name, input] of Object.entries(INPUTS)) {
    const admin = await addMember(api, acme, 'admin', `late-${name}`);
    const attempt = () => mutate(admin, name, input);
    expect([name, await duringChange(api, demote(admin.email), attempt)]).toEqual([name, { refused: 'NO_GRANT' }]);
    expect([name, await mutate(owner, name, input)]).toEqual([name, { errors: [] }]);
  }
});

test('the audit log has the name that a role had when it was updated', async () => {
  const id = await createRole(owner, 'Earlier', [allow('check:read')]);
  const rename = async (sql: TransactionSql) => {
    await lockOrganization(sql, 'acme');
    await sql`update roles set name = 'Later' where name = 'Earlier'`;
  };
  await duringChange(api, rename, () => mutate(owner, 'updateRole', { id, description: 'New.' }));
  const { auditEvents } = await queryData(owner, '{ auditEvents(first: 1) { nodes { before after } } }');
  expect(auditEvents.nodes).toMatchObject([{ before: { name: 'Later' }, after: { name: 'Later' } }]);
});

test('the audit log has the name that a service account had when it was updated', async () => {
  const id = await createServiceAccount(owner, 'earlier', roleIdOf('read'));
  const rename = async (sql: TransactionSql) => {
    await lockOrganization(sql, 'acme');
    await sql`update principals set name = 'later' where name = 'earlier'`;
  };
  await duringChange(api, rename, () => mutate(owner, 'updateServiceAccount', { id, description: 'New.' }));
  const { auditEvents } = await queryData(owner, '{ auditEvents(first: 1) { nodes { before after } } }');
  expect(auditEvents.nodes).toMatchObject([{ before: { name: 'later' }, after: { name: 'later' } }]);
});
