import { expect, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { projectRole } from '../access/examples.ts';
import { organizationUuid } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { statementsOf } from '../support/statements.ts';
import { createOrganization, mutate, queryData } from '../support/world.ts';

const api = await startApi({ pool: 2 });
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
await api.root`update organizations set plan = 'ENTERPRISE'`;

const PROJECTS = 5;
const statements = [{ effect: 'ALLOW', permissions: ['check:read', 'dataset:read', 'prompt:read'] }];
const { role: shared } = await mutate(owner, 'createRole', { name: 'Shared', statements }, 'role { id }');
await api.root`
  insert into projects (organization_id, id, key, name)
  select id, gen_random_uuid(), 'p' || n, 'Project ' || n from organizations, generate_series(1, ${PROJECTS}) n`;
const [project] = await api.root`select id from projects where key = 'p1'`;

const own = organizationUuid(acme);

/** A chain of teams, the first of which is the parent of all. */
const TEAMS = 5;
const teams = Array.from({ length: TEAMS }, () => newId());
for (const [at, id] of teams.entries())
  await api.root`insert into teams (organization_id, id, name, parent_id)
    values (${own}, ${id}, ${`Team ${at}`}, ${teams[at - 1] ?? null})`;

/**
 * Adds service accounts in the database, each with a role in all projects and in a team. Every second one has the custom
 * role.
 */
async function addAccounts(count: number): Promise<void> {
  await api.root`
    insert into principals (organization_id, id, name)
    select id, gen_random_uuid(), 'Account ' || ${count}::int || '.' || n from organizations, generate_series(1, ${count}) n`;
  await api.root`
    insert into assignments (organization_id, id, principal_id, built_in_role_id, role_id)
    select p.organization_id, gen_random_uuid(), p.id,
      case when p.row % 2 = 0 then ${roleByKey('read').id}::uuid end, case when p.row % 2 = 1 then r.id end
    from (select *, row_number() over (order by id) as row from principals p where p.organization_id = ${own} and not exists
      (select from assignments a where a.organization_id = p.organization_id and a.principal_id = p.id)) p
    join roles r on r.organization_id = p.organization_id where p.organization_id = ${own}`;
  await api.root`
    insert into assignments (organization_id, id, principal_id, project_id, built_in_role_id)
    select p.organization_id, gen_random_uuid(), p.id, q.id, ${projectRole('manager').id}::uuid
    from principals p join projects q on q.organization_id = p.organization_id
    where p.name is not null and p.organization_id = ${own} and not exists (select from assignments a
      where a.organization_id = p.organization_id and a.principal_id = p.id and a.project_id = q.id)`;
  await api.root`
    insert into team_members (organization_id, id, team_id, principal_id)
    select p.organization_id, gen_random_uuid(), (${teams}::uuid[])[1 + row_number() over (order by p.id) % ${TEAMS}::int], p.id
    from principals p where p.name is not null and p.organization_id = ${own} and not exists (select from team_members m
      where m.organization_id = p.organization_id and m.principal_id = p.id)`;
}

const target = toPublicId('prj', project?.['id']);
const changeShared = { id: shared.id, statements: [{ effect: 'ALLOW', permissions: ['check:read'] }] };
const ifOwned = [{ effect: 'ALLOW', permissions: ['service:read'], ownedByPrincipal: true }];
const CHANGES = 'accessChanges { lost }';
const REQUESTS = {
  updatePlan: () => mutate(owner, 'updatePlan', { plan: 'FREE', dryRun: true }, CHANGES),
  updateRole: () => mutate(owner, 'updateRole', { ...changeShared, dryRun: true }, CHANGES),
  updateRoleIfOwned: () =>
    mutate(
      owner,
      'updateRole',
      { id: shared.id, statements: ifOwned, dryRun: true },
      'accessChanges { gained teamIds }',
    ),
  whoCan: () => queryData(owner, `{ whoCan(permission: "dataset:create", targetId: "${target}") { totalCount } }`),
  accessMatrix: () =>
    queryData(
      owner,
      `{ accessMatrix(permissions: ["dataset:create"], targetId: "${target}") { nodes { entries { allowed } } } }`,
    ),
};

/** Statements that return a row for each assignment, with all of its columns. */
const readsRows = (text: string): boolean => /"inactive".*"created_at".* from "assignments"/.test(text);

test('a request about all members sends as many statements as for a few, and changes read the assignments once, in groups', async () => {
  const counts = new Map<string, number>();
  for (const added of [4, 60]) {
    await addAccounts(added);
    for (const [name, send] of Object.entries(REQUESTS)) {
      await send();
      const sent = await statementsOf(api, send);
      expect([name, sent.length]).toEqual([name, counts.get(name) ?? sent.length]);
      counts.set(name, sent.length);
      if (name === 'accessMatrix') continue;
      expect([name, sent.filter(readsRows)]).toEqual([name, []]);
      // Those of teams are read once, after the change.
      const groups = name === 'updateRoleIfOwned' ? 3 : 1;
      expect([name, sent.filter((text) => text.includes('string_agg')).length]).toEqual([name, groups]);
    }
  }
  const matrix = await statementsOf(api, REQUESTS.accessMatrix);
  expect(matrix.filter(readsRows)).toEqual([expect.stringContaining('"project_id" = ')]);
});

test('a change of a role or of the plan lists what each of its holders loses in the organization and in each project', async () => {
  const { whoCan } = await REQUESTS.whoCan();
  const { accessChanges: byPlan } = await REQUESTS.updatePlan();
  const { accessChanges: byRole } = await REQUESTS.updateRole();
  const holders = await api.root`select from assignments where role_id is not null`;
  const accounts = await api.root`select from principals where name is not null`;
  expect(accounts.length).toBeGreaterThan(60);
  // The Owner and every account with the project role Manager.
  expect(whoCan.totalCount).toBe(accounts.length + 1);
  expect(byPlan.length).toBe(accounts.length * PROJECTS);
  expect(byRole.length).toBe(holders.length * (PROJECTS + 1));
  const inOrganization = byRole.filter(({ lost }: Json) => lost.length > 0);
  expect(inOrganization.length).toBe(holders.length);
  const { accessChanges: onServices } = await REQUESTS.updateRoleIfOwned();
  const gained = onServices.filter((change: Json) => change.gained.length > 0);
  expect(gained.length).toBe(holders.length);
  // The members of the first team in the chain count in all teams, and those of the last in one.
  for (const change of gained) expect(change.gained).toEqual(['service:read']);
  expect(new Set(gained.map((change: Json) => change.teamIds.length)).size).toBeGreaterThan(1);
  for (const { lost } of inOrganization) expect(lost).toEqual(expect.arrayContaining(['dataset:read', 'prompt:read']));
});
