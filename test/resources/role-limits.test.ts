import { describe, expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { type CompiledPolicy, compilePolicy } from '../../src/access/compile.ts';
import { loadRoles } from '../../src/access/grants.ts';
import type { Role } from '../../src/access/model.ts';
import { drizzleOn } from '../../src/db/client.ts';
import { fromPublicId, newId, toPublicId } from '../../src/lib/ids.ts';
import { ROLE_LIMITS } from '../../src/lib/limits.ts';
import { allow, createPolicy, createProject, giveProjectRole, startWorld } from '../decisions/support.ts';
import type { Json } from '../support/api.ts';
import { statementsOf } from '../support/statements.ts';
import { addMember, createOrganization, mutate, queryData } from '../support/world.ts';

const { api, acme, people } = await startWorld();
const { owner } = people;

const patterns = (count: number): string[] => Array<string>(count).fill('prompt_version:evaluate');
/** Statements with this number of patterns. */
const statements = (count: number) =>
  Array.from({ length: Math.ceil(count / ROLE_LIMITS.patternsPerStatement) }, (_, at) =>
    allow(...patterns(Math.min(ROLE_LIMITS.patternsPerStatement, count - at * ROLE_LIMITS.patternsPerStatement))),
  );

let last = 0;
const fresh = (): string => `limit ${++last}`;
const exceeded = (path: string[]) => ({ errors: [{ code: 'LIMIT_EXCEEDED', path, message: expect.any(String) }] });
const attempt = (name: string, input: object): Promise<Json> => mutate(owner, name, input, 'errors { message }');
const messageOf = async (answer: Promise<Json>): Promise<string> => (await answer).errors[0].message;

/** Inserts policies or roles. SQL is faster than five hundred requests. */
async function insert(organizationId: string, table: 'roles' | 'policies', count: number, content: unknown) {
  const rows = Array.from({ length: count }, () => ({ id: newId(), name: fresh() }));
  await api.root`insert into ${api.root(table)} (organization_id, id, name, statements)
    select ${organizationId}, (row ->> 'id')::uuid, row ->> 'name', ${JSON.stringify(content)}::text::jsonb
    from jsonb_array_elements(${JSON.stringify(rows)}::text::jsonb) as row`;
  return rows.map(({ id }) => id);
}

const uuidOf = (prefix: 'org' | 'pol' | 'rol', id: string): string => fromPublicId(prefix, id) ?? '';

describe('at most', () => {
  test('500 patterns are in a policy', async () => {
    const id = await createPolicy(owner, statements(500));
    expect(await attempt('createPolicy', { name: fresh(), statements: statements(501) })).toEqual(
      exceeded(['statements']),
    );
    expect(await attempt('updatePolicy', { id, statements: statements(501) })).toEqual(exceeded(['statements']));
    expect(await messageOf(attempt('updatePolicy', { id, statements: statements(501) }))).toContain('500 patterns');
  });

  test('2,000 patterns are in a role, in its own statements and all its policies', async () => {
    const policyIds = [await createPolicy(owner, statements(500)), await createPolicy(owner, statements(500))];
    const small = await createPolicy(owner, statements(1));
    const create = (own: number, ...more: string[]) =>
      attempt('createRole', { name: fresh(), statements: statements(own), policyIds: [...policyIds, ...more] });
    expect(await create(1_001)).toEqual(exceeded(['statements']));
    expect(await create(1_000, small)).toEqual(exceeded(['statements']));
    expect(await messageOf(create(1_001))).toContain('2,000 patterns');
    const full = { name: 'Full', statements: statements(999), policyIds: [...policyIds, small] };
    const { role } = await mutate(owner, 'createRole', full, 'role { id }');
    expect(await attempt('updateRole', { id: role.id, statements: statements(1_000) })).toEqual(
      exceeded(['statements']),
    );
    // The policy alone would be small enough.
    const grow = { id: small, statements: statements(2) };
    expect(await attempt('updatePolicy', grow)).toEqual(exceeded(['statements']));
    expect(await messageOf(attempt('updatePolicy', grow))).toContain('“Full”');
    expect(await attempt('updatePolicy', { ...grow, statements: statements(1), name: fresh() })).toEqual({
      errors: [],
    });
    expect(await attempt('updateRole', { id: role.id, statements: null })).toEqual({ errors: [] });
    expect(await attempt('updatePolicy', grow)).toEqual({ errors: [] });
  });

  test('a hidden role that a policy would make too large is not named', async () => {
    const project = await createProject(owner, 'secret');
    const policyId = await createPolicy(owner, statements(1));
    const name = 'Secret role';
    await mutate(owner, 'createRole', {
      ...{ projectId: project, name },
      ...{ policyIds: [policyId], statements: statements(1_999) },
    });
    const keeper = await addMember(api, acme, 'read', 'keeper');
    const own = { name: fresh(), statements: [allow('*:read', 'policy:*', 'prompt_version:*')] };
    const { role } = await mutate(owner, 'createRole', own, 'role { id }');
    await mutate(owner, 'updateMember', { id: keeper.memberId, roleId: role.id });
    const grow = { id: policyId, statements: statements(2) };
    const messages = async () =>
      (await mutate(keeper, 'updatePolicy', grow, 'errors { message }')).errors.map(({ message }: Json) => message);
    expect(await messages()).toEqual([expect.stringContaining(name)]);
    await giveProjectRole(owner, project, keeper.memberId, null);
    expect(await messages()).toEqual([expect.not.stringContaining(name)]);
  });

  test('50 policies are in a role', async () => {
    const content = [allow('dataset:read')];
    const ids = (await insert(uuidOf('org', acme.id), 'policies', 51, content)).map((id) => toPublicId('pol', id));
    expect(await attempt('createRole', { name: fresh(), policyIds: ids })).toEqual(exceeded(['policyIds']));
    const input = { name: fresh(), policyIds: ids.slice(1) };
    const { role } = await mutate(owner, 'createRole', input, 'role { id }');
    expect(await attempt('updateRole', { id: role.id, policyIds: ids })).toEqual(exceeded(['policyIds']));
    // The policies of the copied role count too.
    const copy = { name: fresh(), copyOf: role.id, policyIds: ids.slice(0, 1) };
    expect(await attempt('createRole', copy)).toEqual(exceeded(['policyIds']));
  });

  test('500 custom roles and 500 policies are in an organization, also when two are created at once', async () => {
    const full = await createOrganization(api, 'full');
    const content = [allow('dataset:read')];
    for (const [table, name] of [
      ['roles', 'createRole'],
      ['policies', 'createPolicy'],
    ] as const) {
      await insert(uuidOf('org', full.id), table, 499, content);
      const create = () => mutate(full.owner, name, { name: fresh(), statements: content }, 'errors { message }');
      const codes = (await Promise.all([create(), create()])).map(({ errors }) => errors[0]?.code ?? 'done');
      expect(codes.sort()).toEqual(['LIMIT_EXCEEDED', 'done']);
      expect(await create()).toEqual(exceeded([]));
    }
  });
});

describe('an organization with 500 roles of 50 policies', async () => {
  const large = await createOrganization(api, 'large');
  const organizationId = uuidOf('org', large.id);
  const policyIds = await insert(organizationId, 'policies', 50, [allow(...patterns(40))]);
  const roleIds = await insert(organizationId, 'roles', 500, []);
  await api.root`insert into role_policies (organization_id, role_id, policy_id)
    select ${organizationId}, role.id, policy.id from roles role join policies policy using (organization_id)
    where organization_id = ${organizationId}`;

  test('lists their names without reading a statement or a policy', async () => {
    const names: number[] = [];
    const sent = await statementsOf(api, async () => {
      const answers = Array.from({ length: 12 }, () =>
        queryData(large.owner, '{ roles(first: 500) { nodes { name } } }'),
      );
      for (const { roles } of await Promise.all(answers)) names.push(roles.nodes.length);
    });
    expect(names).toEqual(Array(12).fill(500));
    expect(sent.filter((text) => /\broles\b/.test(text)).length).toBeGreaterThan(0);
    expect(sent.filter((text) => /policies|statements/.test(text))).toEqual([]);
  });

  test('reads each policy once for their permissions, and resolves a role when it is asked for', async () => {
    const compiled: string[] = [];
    const policies = new Map<string, CompiledPolicy>();
    const cache = {
      roles: new Map<string, Role>(),
      policies: {
        get: (id: string) => policies.get(id),
        set: (id: string, policy: CompiledPolicy) => {
          compiled.push(id);
          policies.set(id, policy);
        },
      },
    };
    const db = drizzleOn(api.root as never);
    const loaded = await loadRoles(db, organizationId, roleIds.slice(0, 250), cache);
    await loadRoles(db, organizationId, roleIds, cache);
    expect(compiled.toSorted()).toEqual(policyIds.toSorted());
    expect(cache.roles.size).toBe(500);
    expect([...(loaded.get(roleIds[0] as string)?.allow ?? [])]).toEqual(['project:read', 'prompt_version:evaluate']);
  });

  test('answers with permissions and policies in a constant number of statements', async () => {
    const DOCUMENT = 'query ($first: Int) { roles(first: $first) { nodes { permissions policies { name } } } }';
    const countOf = async (first: number): Promise<number> =>
      (await statementsOf(api, () => queryData(large.owner, DOCUMENT, { first }))).length;
    expect(await countOf(60)).toBe(await countOf(20));
  });
});

test('a cached policy holds no pattern', () => {
  const policy = compilePolicy({ name: 'Everything', statements: statements(500) });
  expect(Object.values(policy).every((value) => typeof value !== 'object')).toBe(true);
  expect(policy.allow.toString(2).length).toBeLessThanOrEqual(PERMISSIONS.size);
});

test('a copied list and a given list together have the limit of one list', async () => {
  const full = Array.from({ length: ROLE_LIMITS.statementsPerPolicy }, () => allow('check:read'));
  const { role } = await mutate(owner, 'createRole', { name: fresh(), statements: full }, 'role { id }');
  expect(await attempt('createRole', { name: fresh(), copyOf: role.id, statements: [allow('level:read')] })).toEqual(
    exceeded(['statements']),
  );
  expect((await mutate(owner, 'createRole', { name: fresh(), copyOf: role.id })).errors).toEqual([]);
});
