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
 * What scope-auth has let through is remembered for the rest of the request. Here that memory is attacked: documents
 * written by chance are asked of two schemas, with it and without, and of a caller who may anything or nothing.
 */
const SHARED: Permission = 'policy:read';
const OTHER: Permission = 'check:read';

interface Thing {
  mine: boolean;
  place: string | null;
}

const own = (thing: Thing): boolean => thing.mine;
const on = (thing: Thing): string | null => thing.place;

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

// biome-ignore lint/suspicious/noExplicitAny: the types of a builder that is made of data say nothing
type Any = any;

/** A type for each guard, with fields of their own guards, and ways from each to each. */
function schemaWith(plugins: readonly string[]) {
  const builder: Any = new SchemaBuilder({
    plugins,
    scopeAuth: { authScopes, unauthorizedError: refusedFieldError },
  } as Any);
  const refs = Object.fromEntries(NAMES.map((name) => [name, builder.objectRef(name)]));
  const ways = (t: Any, root: object) =>
    Object.fromEntries(
      NAMES.map((name) => {
        const args = { mine: t.arg.boolean({ required: true }), place: t.arg.string() };
        const resolve = (_from: unknown, thing: Thing) => ({ ...thing, place: thing.place ?? null });
        return [`to${name}`, t.field({ type: refs[name], nullable: true, args, resolve, ...root })];
      }),
    );
  const leaves = (t: Any) => ({
    now: t.boolean({ nullable: true, resolve: () => true }),
    later: t.boolean({ nullable: true, resolve: async () => true }),
    guarded: t.boolean({ nullable: true, permission: SHARED, resolve: () => true }),
    ownGuarded: t.boolean({ nullable: true, permission: OTHER, resolve: () => true }),
    onParent: t.boolean({ nullable: true, permission: SHARED, on: ({ place }: Thing) => place, resolve: () => true }),
    onLater: t.boolean({
      nullable: true,
      permission: SHARED,
      on: async ({ place }: Thing) => place,
      resolve: () => true,
    }),
  });
  for (const [name, guard] of Object.entries(GUARDS))
    refs[name].implement({ ...guard, fields: (t: Any) => ({ ...leaves(t), ...ways(t, {}) }) });
  builder.queryType({ fields: (t: Any) => ways(t, { public: true }) });
  return builder.toSchema();
}

const remembering = schemaWith([guardPlugin, ScopeAuthPlugin, permissionCachePlugin] as never);
const forgetting = schemaWith([guardPlugin, ScopeAuthPlugin] as never);

/** Where the caller may do what: `permission` on the organization, `permission place` in a project. */
function contextOf(allowed: readonly string[]): { ctx: Context; asked: string[] } {
  const asked: string[] = [];
  const decide = (permission: Permission, target: string | null = null) => {
    const question = target === null ? permission : `${permission} ${target}`;
    asked.push(question);
    return { allowed: allowed.includes(question), permission, reason: 'NOT_GRANTED', message: question, hint: '' };
  };
  const access = { decide, can: (...question: [Permission, string | null]) => decide(...question).allowed };
  const require = (permission: Permission, target: string | null) => {
    if (!decide(permission, target).allowed) throw new GraphQLError(`${permission} ${target}`);
  };
  const unit = {
    access: { ...access, require },
    actor: { credential: { access: 'WRITE' } },
    permissionCache: new Set<Permission>(),
  };
  return { ctx: { unit } as unknown as Context, asked };
}

async function answer(schema: typeof remembering, source: string, allowed: readonly string[]) {
  const { ctx, asked } = contextOf(allowed);
  const result = (await createExecute()({ schema, document: parse(source), contextValue: ctx })) as ExecutionResult;
  const errors = result.errors?.map(({ path, message, extensions }) =>
    JSON.stringify([path, message, extensions['code']]),
  );
  return { data: JSON.stringify(result.data), errors: errors?.sort(), asked, passed: [...ctx.unit.permissionCache] };
}

const way = fc.record({ to: fc.constantFrom(...NAMES), mine: fc.boolean(), place: fc.constantFrom(null, 'p1', 'p2') });
const { selection } = fc.letrec<{ selection: string }>((tie) => ({
  selection: fc
    .array(
      fc.oneof(
        {
          weight: 3,
          arbitrary: fc.constantFrom('now', 'later', 'guarded', 'ownGuarded', 'onParent', 'onLater', '__typename'),
        },
        { weight: 2, arbitrary: fc.tuple(way, tie('selection')).map(([step, below]) => fieldOf(step, below)) },
      ),
      { minLength: 1, maxLength: 4, depthIdentifier: 'selection' },
    )
    .map((fields) => `{ ${fields.map((field, at) => (field.includes('{') ? `f${at}: ${field}` : field)).join(' ')} }`),
}));

const fieldOf = ({ to, mine, place }: { to: string; mine: boolean; place: string | null }, below: string): string =>
  `to${to}(mine: ${mine}, place: ${JSON.stringify(place)}) ${below}`;

const documents = fc
  .array(fc.tuple(way, selection), { minLength: 1, maxLength: 6 })
  .map((fields) => `{ ${fields.map(([step, below], at) => `r${at}: ${fieldOf(step, below)}`).join(' ')} }`);

const questions = [SHARED, OTHER].flatMap((permission) => [permission, `${permission} p1`, `${permission} p2`]);

test('with the memory and without, everybody sees the same and is refused the same', () =>
  fc.assert(
    fc.asyncProperty(documents, fc.subarray(questions), async (source, allowed) => {
      const [ours, plain] = [await answer(remembering, source, allowed), await answer(forgetting, source, allowed)];
      expect([ours.data, ours.errors]).toEqual([plain.data, plain.errors]);
      for (const permission of ours.passed) expect(allowed).toContain(permission);
    }),
    { numRuns: size(200, 500) },
  ));

test('what was let through in one place opens no other: not in a project, not another permission, not what is another’s', async () => {
  const refused = [
    'toOn(mine: false, place: "p1")',
    'toOwnOn(mine: false, place: "p1")',
    'toDifferent(mine: false)',
    'toOnlyOwn(mine: false)',
  ];
  const first = 'toPlain(mine: false) { now later } toOwn(mine: true) { now }';
  for (const field of refused) {
    const { data } = await answer(remembering, `{ ${first} refused: ${field} { now } }`, [SHARED]);
    expect(JSON.parse(data)).toMatchObject({ toPlain: { now: true, later: true }, refused: { now: null } });
  }
});

test('a field that is asked on its parent’s project is asked for each parent, whatever the cache holds', async () => {
  const fields = '{ now onParent onLater }';
  const source = `{ org: toPlain(mine: false) ${fields} one: toPlain(mine: false, place: "p1") ${fields}
    two: toPlain(mine: false, place: "p2") ${fields} }`;
  const { data, asked } = await answer(remembering, source, [SHARED, `${SHARED} p1`]);
  expect(JSON.parse(data)).toEqual({
    org: { now: true, onParent: true, onLater: true },
    one: { now: true, onParent: true, onLater: true },
    two: { now: true, onParent: null, onLater: null },
  });
  expect(asked.filter((question) => question === `${SHARED} p2`)).toHaveLength(2);
});

test('a refusal names the permission of the guard that refused: the type’s before the field’s', async () => {
  const source = '{ toDifferent(mine: false) { guarded } toPlain(mine: false) { ownGuarded } }';
  const { errors } = await answer(remembering, source, [SHARED]);
  expect(errors?.map((error) => JSON.parse(error)[1])).toEqual([OTHER, OTHER]);
});

test('what is let through as one’s own, or in a project, is not remembered for the organization', async () => {
  const source = `{ toOwn(mine: true) { now } toOnlyOwn(mine: true) { now } toOn(mine: false, place: "p1") { now }
    toOwnOn(mine: true, place: "p1") { now } toPlain(mine: true, place: "p1") { now later guarded } }`;
  const { data, passed } = await answer(remembering, source, [`${SHARED} p1`]);
  expect(JSON.parse(data)).toMatchObject({
    toOwn: { now: true },
    toOn: { now: true },
    toPlain: { now: null, later: null, guarded: null },
  });
  expect(passed).toEqual([]);
});

test('a permission is asked once for all objects of the request, which is what the memory is for', async () => {
  const many = Array.from({ length: 20 }, (_, at) => `r${at}: toPlain(mine: false) { now later }`).join(' ');
  const { asked, passed } = await answer(remembering, `{ ${many} }`, [SHARED]);
  expect([asked, passed]).toEqual([[SHARED], [SHARED]]);
});
