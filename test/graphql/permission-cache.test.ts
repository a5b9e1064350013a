import SchemaBuilder from '@pothos/core';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import fc from 'fast-check';
import { type ExecutionResult, GraphQLError, parse } from 'graphql';
import { expect, test } from 'vitest';
import type { Permission } from '../../src/access/catalog.ts';
import type { Context } from '../../src/context.ts';
import { createExecute } from '../../src/executor/execute.ts';
import { authScopes, guardPlugin, refusedFieldError } from '../../src/graphql/guard.ts';
import { permissionCachePlugin } from '../../src/graphql/permission-cache.ts';
import { size } from '../support/size.ts';

/**
 * The permission cache keeps the allowed permissions of scope-auth for the rest of the request. These tests compare
 * the responses of two schemas, one with the cache and one without, for random documents and permissions.
 */
const SHARED: Permission = 'policy:read';
const OTHER: Permission = 'check:read';

interface Thing {
  isOwn: boolean;
  projectId: string | null;
}

const own = (thing: Thing): boolean => thing.isOwn;
const on = (thing: Thing): string | null => thing.projectId;

const GUARDS = {
  Plain: { permission: SHARED },
  Same: { permission: SHARED },
  Different: { permission: OTHER },
  Own: { permission: SHARED, own },
  OnlyOwn: { own },
  On: { permission: SHARED, on },
  OwnOn: { permission: SHARED, own, on },
  Open: { public: true },
};
const NAMES = Object.keys(GUARDS);

// biome-ignore lint/suspicious/noExplicitAny: a builder that is generated from data has no useful types
type Any = any;

/** A type for each guard. Each type has guarded fields and a field for every type. */
function schemaWith(plugins: readonly string[]) {
  const builder: Any = new SchemaBuilder({
    plugins,
    scopeAuth: { authScopes, unauthorizedError: refusedFieldError },
  } as Any);
  const refs = Object.fromEntries(NAMES.map((name) => [name, builder.objectRef(name)]));
  const linkFields = (t: Any, root: object) =>
    Object.fromEntries(
      NAMES.map((name) => {
        const args = { isOwn: t.arg.boolean({ required: true }), projectId: t.arg.string() };
        const resolve = (_from: unknown, thing: Thing) => ({ ...thing, projectId: thing.projectId ?? null });
        return [`to${name}`, t.field({ type: refs[name], nullable: true, args, resolve, ...root })];
      }),
    );
  const leaves = (t: Any) => ({
    now: t.boolean({ nullable: true, resolve: () => true }),
    later: t.boolean({ nullable: true, resolve: async () => true }),
    guarded: t.boolean({ nullable: true, permission: SHARED, resolve: () => true }),
    ownGuarded: t.boolean({ nullable: true, permission: OTHER, resolve: () => true }),
    onParent: t.boolean({
      nullable: true,
      permission: SHARED,
      on: ({ projectId }: Thing) => projectId,
      resolve: () => true,
    }),
    onLater: t.boolean({
      nullable: true,
      permission: SHARED,
      on: async ({ projectId }: Thing) => projectId,
      resolve: () => true,
    }),
  });
  for (const [name, guard] of Object.entries(GUARDS))
    refs[name].implement({ ...guard, fields: (t: Any) => ({ ...leaves(t), ...linkFields(t, {}) }) });
  builder.queryType({ fields: (t: Any) => linkFields(t, { public: true }) });
  return builder.toSchema();
}

const withCache = schemaWith([guardPlugin, ScopeAuthPlugin, permissionCachePlugin] as never);
const withoutCache = schemaWith([guardPlugin, ScopeAuthPlugin] as never);

/** The permissions of the caller: `permission` on the organization, `permission project` in a project. */
function contextOf(allowed: readonly string[]): { ctx: Context; checked: string[] } {
  const checked: string[] = [];
  const decide = (permission: Permission, target: string | null = null) => {
    const check = target === null ? permission : `${permission} ${target}`;
    checked.push(check);
    return { allowed: allowed.includes(check), permission, reason: 'NOT_GRANTED', message: check, hint: '' };
  };
  const access = { decide, can: (...check: [Permission, string | null]) => decide(...check).allowed };
  const require = (permission: Permission, target: string | null) => {
    if (!decide(permission, target).allowed) throw new GraphQLError(`${permission} ${target}`);
  };
  const unit = {
    access: { ...access, require },
    actor: { credential: { access: 'WRITE' } },
    permissionCache: new Set<Permission>(),
  };
  return { ctx: { unit } as unknown as Context, checked };
}

async function answer(schema: typeof withCache, source: string, allowed: readonly string[]) {
  const { ctx, checked } = contextOf(allowed);
  const result = (await createExecute()({ schema, document: parse(source), contextValue: ctx })) as ExecutionResult;
  const errors = result.errors?.map(({ path, message, extensions }) =>
    JSON.stringify([path, message, extensions['code']]),
  );
  return { data: JSON.stringify(result.data), errors: errors?.sort(), checked, cached: [...ctx.unit.permissionCache] };
}

const link = fc.record({
  to: fc.constantFrom(...NAMES),
  isOwn: fc.boolean(),
  projectId: fc.constantFrom(null, 'p1', 'p2'),
});
const { selection } = fc.letrec<{ selection: string }>((tie) => ({
  selection: fc
    .array(
      fc.oneof(
        {
          weight: 3,
          arbitrary: fc.constantFrom('now', 'later', 'guarded', 'ownGuarded', 'onParent', 'onLater', '__typename'),
        },
        { weight: 2, arbitrary: fc.tuple(link, tie('selection')).map(([step, below]) => fieldOf(step, below)) },
      ),
      { minLength: 1, maxLength: 4, depthIdentifier: 'selection' },
    )
    .map((fields) => `{ ${fields.map((field, at) => (field.includes('{') ? `f${at}: ${field}` : field)).join(' ')} }`),
}));

const fieldOf = (
  { to, isOwn, projectId }: { to: string; isOwn: boolean; projectId: string | null },
  below: string,
): string => `to${to}(isOwn: ${isOwn}, projectId: ${JSON.stringify(projectId)}) ${below}`;

const documents = fc
  .array(fc.tuple(link, selection), { minLength: 1, maxLength: 6 })
  .map((fields) => `{ ${fields.map(([step, below], at) => `r${at}: ${fieldOf(step, below)}`).join(' ')} }`);

const checks = [SHARED, OTHER].flatMap((permission) => [permission, `${permission} p1`, `${permission} p2`]);

test('the responses with and without the cache are the same', () =>
  fc.assert(
    fc.asyncProperty(documents, fc.subarray(checks), async (source, allowed) => {
      const [ours, plain] = [await answer(withCache, source, allowed), await answer(withoutCache, source, allowed)];
      expect([ours.data, ours.errors]).toEqual([plain.data, plain.errors]);
      for (const permission of ours.cached) expect(allowed).toContain(permission);
    }),
    { numRuns: size(200, 500) },
  ));

test('a cached permission does not allow another permission, a project or an object of another caller', async () => {
  const refused = [
    'toOn(isOwn: false, projectId: "p1")',
    'toOwnOn(isOwn: false, projectId: "p1")',
    'toDifferent(isOwn: false)',
    'toOnlyOwn(isOwn: false)',
  ];
  const first = 'toPlain(isOwn: false) { now later } toOwn(isOwn: true) { now }';
  for (const field of refused) {
    const { data } = await answer(withCache, `{ ${first} refused: ${field} { now } }`, [SHARED]);
    expect(JSON.parse(data)).toMatchObject({ toPlain: { now: true, later: true }, refused: { now: null } });
  }
});

test('a permission on the project of a parent is checked for each parent', async () => {
  const fields = '{ now onParent onLater }';
  const source = `{ org: toPlain(isOwn: false) ${fields} one: toPlain(isOwn: false, projectId: "p1") ${fields}
    two: toPlain(isOwn: false, projectId: "p2") ${fields} }`;
  const { data, checked } = await answer(withCache, source, [SHARED, `${SHARED} p1`]);
  expect(JSON.parse(data)).toEqual({
    org: { now: true, onParent: true, onLater: true },
    one: { now: true, onParent: true, onLater: true },
    two: { now: true, onParent: null, onLater: null },
  });
  expect(checked.filter((check) => check === `${SHARED} p2`)).toHaveLength(2);
});

test('a refusal names the permission of the guard that refused, and the guard of the type runs first', async () => {
  const source = '{ toDifferent(isOwn: false) { guarded } toPlain(isOwn: false) { ownGuarded } }';
  const { errors } = await answer(withCache, source, [SHARED]);
  expect(errors?.map((error) => JSON.parse(error)[1])).toEqual([OTHER, OTHER]);
});

test('a permission for an own object or in a project is not cached for the organization', async () => {
  const source = `{ toOwn(isOwn: true) { now } toOnlyOwn(isOwn: true) { now } toOn(isOwn: false, projectId: "p1") { now }
    toOwnOn(isOwn: true, projectId: "p1") { now } toPlain(isOwn: true, projectId: "p1") { now later guarded } }`;
  const { data, cached } = await answer(withCache, source, [`${SHARED} p1`]);
  expect(JSON.parse(data)).toMatchObject({
    toOwn: { now: true },
    toOn: { now: true },
    toPlain: { now: null, later: null, guarded: null },
  });
  expect(cached).toEqual([]);
});

test('a permission is checked once for all objects of a request', async () => {
  const many = Array.from({ length: 20 }, (_, at) => `r${at}: toPlain(isOwn: false) { now later }`).join(' ');
  const { checked, cached } = await answer(withCache, `{ ${many} }`, [SHARED]);
  expect([checked, cached]).toEqual([[SHARED], [SHARED]]);
});
