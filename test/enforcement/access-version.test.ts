import type { Sql, TransactionSql } from 'postgres';
import { describe, expect, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import { newId } from '../../src/lib/ids.ts';
import { type Json, startApi } from '../support/api.ts';
import { createFixtures, validCase } from '../support/fixtures.ts';
import { hasInputField, mutations } from '../support/introspect.ts';
import { createOrganization } from '../support/world.ts';
import { createSampleObjects, operationOf, organizationUuid, uuidOf, withBinding } from './support.ts';

/**
 * Grants are cached by the access version of the organization, so each change of who may do what must increment it in the
 * same transaction. Four things decide access without a new version, because each request reads them: sessions and API
 * tokens (the lookup of the credential), the user (part of that lookup), the time (`validUntil` of the grants), and the
 * code of built-in roles and plans. TRUNCATE, and a superuser who disables triggers, change rows without a new version.
 */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const fixtures = createFixtures(api, acme);
const [ours, theirs] = [organizationUuid(acme), organizationUuid(globex)];

/** The columns that decide who may do what, and names that are cached with the grants. */
const COLUMNS: Record<string, string[]> = {
  principals: ['id', 'user_id', 'name'],
  projects: ['id'],
  policies: ['id', 'project_id', 'name', 'statements'],
  roles: ['id', 'project_id', 'name', 'description', 'statements'],
  role_policies: ['role_id', 'policy_id'],
  assignments: [
    ...['id', 'principal_id', 'project_id', 'built_in_role_id', 'role_id', 'expires_at'],
    ...['fallback_built_in_role_id', 'fallback_role_id', 'inactive', 'of_creator'],
  ],
  team_members: ['team_id', 'principal_id'],
};
const TABLES = Object.keys(COLUMNS);

/** Of these, only some rows decide: teams in the tree. */
const TREE = `(select coalesce(jsonb_agg(jsonb_build_array(jsonb_build_array('teams', t.id, t.parent_id), t.xmin::text)), '[]')
    from teams t where t.organization_id = $1 and t.parent_id is not null)`;

const rowsOf = (table: string): string => {
  const values = (COLUMNS[table] ?? []).map((column) => `t.${column}`).join(', ');
  return `(select coalesce(jsonb_agg(jsonb_build_array(jsonb_build_array('${table}', ${values}), t.xmin::text)), '[]')
    from ${table} t where t.organization_id = $1)`;
};
/** One statement, so that it reads everything in one snapshot. */
const STATE = `select o.access_version::int as version, o.xmin::text as transaction, o.plan,
    (select e.xmin::text from audit_events e where e.organization_id = $1 order by e.id desc limit 1) as event,
    ${[...TABLES.map(rowsOf), TREE].join(' || ')} as rows
  from organizations o where o.id = $1`;

interface State {
  version: number;
  /** The transaction that changed the version, or another column of the organization. */
  transaction: string;
  /** The transaction of the last audit event. */
  event: string;
  /** What decides access, by the transaction that wrote it. */
  rows: Map<string, string>;
}

async function stateOf(sql: Sql | TransactionSql, organization: string): Promise<State | undefined> {
  const [row] = await sql.unsafe(STATE, [organization]);
  if (!row) return undefined;
  const { version, transaction, event, plan, rows } = row as Json;
  const entries: [string, string][] = rows.map(([values, writer]: Json) => [JSON.stringify(values), writer]);
  return { version, transaction, event, rows: new Map([...entries, [plan, transaction]]) };
}

const organizationIds = async (): Promise<string[]> =>
  (await api.root`select id from organizations order by id`).map((row) => row['id'] as string);

async function allStates(): Promise<Map<string, State>> {
  const all = new Map<string, State>();
  for (const id of await organizationIds()) {
    const state = await stateOf(api.root, id);
    if (state) all.set(id, state);
  }
  return all;
}

/** The transactions of the rows that differ. A deleted row has none. */
const writersOf = (before: State, after: State): (string | null)[] => [
  ...[...after.rows].filter(([row]) => !before.rows.has(row)).map(([, writer]) => writer),
  ...[...before.rows.keys()].filter((row) => !after.rows.has(row)).map(() => null),
];

/** Mutations that increment the version although they change no access. Edit by hand only. */
const NEEDLESS = ['updateProject'];

describe.each(mutations.map((field) => [field.name, field] as const))('%s', (name, field) => {
  test('increments the version in its transaction if it changes access, and otherwise not', async () => {
    const { input, caller = acme.owner } = await validCase(fixtures, name);
    const before = await allStates();
    if (hasInputField(name, 'dryRun')) {
      const dry = await caller.query(...operationOf('Mutation', field, { input: { ...input, dryRun: true } }));
      expect(dry).toMatchObject({ errors: undefined, data: { [name]: { errors: [] } } });
      expect(await allStates()).toEqual(before);
    }
    const answer = await caller.query(...operationOf('Mutation', field, { input }));
    expect(answer).toMatchObject({ errors: undefined, data: { [name]: { errors: [] } } });
    // Nothing is cached for a new organization, and nobody has access to a deleted one.
    for (const [id, after] of await allStates()) {
      const earlier = before.get(id);
      if (!earlier) continue;
      const writers = writersOf(earlier, after);
      const isRaised = writers.length > 0 || (NEEDLESS.includes(name) && id === ours);
      expect(after.version > earlier.version, `${name} changed ${writers.length} rows`).toBe(isRaised);
      if (isRaised)
        expect(new Set([...writers.filter((writer) => writer), after.event])).toEqual(new Set([after.transaction]));
    }
  });
});

const sample = await createSampleObjects(api, acme);
await createSampleObjects(api, globex);
const role = uuidOf('rol', sample.role);
const [otherPolicy, unused, joined, account] = [newId(), newId(), newId(), newId()];
const [team, child, service] = [newId(), newId(), newId()];
await api.root`
  insert into policies (organization_id, id, name, statements) values (${ours}, ${otherPolicy}, 'Other', '[]')`;
await api.root`
  insert into projects (organization_id, id, key, name)
  values (${ours}, ${unused}, 'unused', 'Unused'), (${ours}, ${joined}, 'joined', 'Joined')`;
await api.root`insert into principals (organization_id, id, name) values (${ours}, ${account}, 'Account')`;
await api.root`
  insert into assignments (organization_id, id, principal_id, project_id, built_in_role_id)
  values (${ours}, ${newId()}, ${account}, ${joined}, ${roleByKey('read').id})`;

await api.root`
  insert into teams (organization_id, id, name, parent_id)
  values (${ours}, ${team}, 'Owners', null), (${ours}, ${child}, 'Child', ${team})`;
await api.root`insert into services (organization_id, id, name) values (${ours}, ${service}, 'Owned')`;

let count = 0;
const newName = (): string => `name-${++count}`;
/** A new row of each table of access. */
const NEW: Record<string, () => Record<string, string>> = {
  principals: () => ({ id: newId(), name: newName() }),
  projects: () => ({ id: newId(), key: newName(), name: 'Project' }),
  policies: () => ({ id: newId(), name: newName(), statements: '[]' }),
  roles: () => ({ id: newId(), name: newName() }),
  role_policies: () => ({ role_id: role, policy_id: otherPolicy }),
  team_members: () => ({ id: newId(), team_id: team, principal_id: account }),
  assignments: () => ({
    ...{ id: newId(), principal_id: account, project_id: unused },
    built_in_role_id: roleByKey('read').id,
  }),
};

function insert(table: string, size: number): string {
  const rows = Array.from({ length: size }, () => ({ organization_id: ours, ...NEW[table]?.() }));
  const values = rows.map((row) => `('${Object.values(row).join("', '")}')`);
  return `insert into ${table} (${Object.keys(rows[0] ?? {}).join(', ')}) values ${values.join(', ')}`;
}

const insertTeam = (parent: string): string =>
  `insert into teams (organization_id, id, name, parent_id) values ('${ours}', '${newId()}', '${newName()}', ${parent})`;

const where = `organization_id = '${ours}'`;

/** Statements, and by how much the version of acme grows. */
const STATEMENTS: [name: string, by: number, statement: string][] = [
  ...TABLES.flatMap((table): typeof STATEMENTS => {
    const [first = ''] = COLUMNS[table] ?? [];
    return [
      [`an insert into ${table}`, 1, insert(table, 1)],
      [`an update of all ${table}`, 1, `update ${table} set ${first} = ${first} where ${where}`],
      [`an update of no ${table}`, 0, `update ${table} set ${first} = ${first} where ${where} and false`],
      [`a delete of no ${table}`, 0, `delete from ${table} where ${where} and false`],
    ];
  }),
  ...['principals', 'projects', 'policies', 'roles'].map((table): (typeof STATEMENTS)[number] => [
    `an insert of many ${table}`,
    1,
    insert(table, 50),
  ]),
  ['an insert of a team', 0, insertTeam('null')],
  ['an insert of a child team', 1, insertTeam(`'${team}'`)],
  ['no parent of a team', 1, `update teams set parent_id = null where ${where} and id = '${child}'`],
  ['a new name of a team', 0, `update teams set name = 'Renamed' where ${where} and id = '${child}'`],
  ['a delete of a child team', 1, `delete from teams where ${where} and id = '${child}'`],
  ['a new owner of a service', 1, `update services set owner_id = '${team}' where ${where} and id = '${service}'`],
  ['a new name of a service', 0, `update services set name = 'Renamed' where ${where} and id = '${service}'`],
  ['a delete of all assignments', 1, `delete from assignments where ${where}`],
  ['a delete of all role_policies', 1, `delete from role_policies where ${where}`],
  ['a delete of a policy', 1, `delete from policies where ${where} and id = '${otherPolicy}'`],
  ['a delete of a project that has nothing', 1, `delete from projects where ${where} and id = '${unused}'`],
  // Each cascade is a statement: here that of the assignments.
  ['a delete of a service account with a role', 2, `delete from principals where ${where} and id = '${account}'`],
  ['a delete of a project with members', 2, `delete from projects where ${where} and id = '${joined}'`],
  [
    'a change in a common table expression',
    1,
    `with gone as (delete from assignments where ${where} returning id) select count(*) from gone`,
  ],
  [
    'an insert that becomes an update',
    1,
    `insert into policies (organization_id, id, name, statements) values ('${ours}', '${otherPolicy}', 'Again', '[]')
      on conflict (organization_id, id) do update set name = excluded.name`,
  ],
  ['a change of the plan', 1, `update organizations set plan = 'TEAM' where id = '${ours}'`],
  ['a change of the name', 0, `update organizations set name = 'Acme' where id = '${ours}'`],
];

const UNDO = new Error('undo');

/** Runs the statement in a transaction that is rolled back. Returns by how much it increments the versions. */
async function increments(begin: (work: (tx: TransactionSql) => Promise<void>) => Promise<unknown>, statement: string) {
  const [before, others] = [await stateOf(api.root, ours), await stateOf(api.root, theirs)];
  let own: State | undefined;
  const changing = begin(async (tx) => {
    await tx.unsafe(statement);
    own = await stateOf(tx, ours);
    // Nobody else sees the rows or the version yet.
    expect([await stateOf(api.root, ours), await stateOf(api.root, theirs)]).toEqual([before, others]);
    throw UNDO;
  });
  await expect(changing).rejects.toBe(UNDO);
  expect([await stateOf(api.root, ours), await stateOf(api.root, theirs)]).toEqual([before, others]);
  return (own?.version ?? Number.NaN) - (before?.version ?? Number.NaN);
}

const ROLES: Record<string, Parameters<typeof increments>[0]> = {
  'the runtime role': (work) => withBinding(api, { organization: ours }, work),
  'a superuser': (work) => api.root.begin(work),
};

describe.each(Object.entries(ROLES))('by %s', (_, begin) => {
  test.each(STATEMENTS)('%s: the version grows by %i', async (_name, by, statement) => {
    expect(await increments(begin, statement)).toBe(by);
  });
});

test('a statement of a superuser about all organizations increments the version of each', async () => {
  const before = [await stateOf(api.root, ours), await stateOf(api.root, theirs)].map((state) => state?.version ?? 0);
  const changing = api.root.begin(async (tx) => {
    await tx`update policies set name = name || '!'`;
    const after = [await stateOf(tx, ours), await stateOf(tx, theirs)].map((state) => state?.version);
    expect(after).toEqual(before.map((version) => version + 1));
    throw UNDO;
  });
  await expect(changing).rejects.toBe(UNDO);
});

test.each([
  ...TABLES.map((table) => `truncate ${table} cascade`),
  ...TABLES.map((table) => `alter table ${table} disable trigger user`),
  ...TABLES.map((table) => `drop trigger access_changed_by_update on ${table}`),
  'set session_replication_role = replica',
  'alter function ambit.access_changed() owner to ambit_runtime',
])('the runtime role cannot run: %s', async (statement) => {
  const attempt = withBinding(api, { organization: ours }, (tx) => tx.unsafe(statement));
  await expect(attempt).rejects.toMatchObject({ code: '42501' });
});
