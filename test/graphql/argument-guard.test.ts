import SchemaBuilder from '@pothos/core';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import { graphql } from 'graphql';
import { expect, test } from 'vitest';
import type { Permission } from '../../src/access/catalog.ts';
import type { Context } from '../../src/context.ts';
import { authScopes, guardPlugin, refusedFieldError } from '../../src/graphql/guard.ts';

interface Types {
  Context: Context;
  AuthScopes: { permission: Permission; own: 'look' | 'change' };
  DefaultFieldNullability: false;
}

function builderOf() {
  const builder = new SchemaBuilder<Types>({
    plugins: [guardPlugin, ScopeAuthPlugin],
    defaultFieldNullability: false,
    scopeAuth: { authScopes, unauthorizedError: refusedFieldError },
  });
  builder.queryType({});
  return builder;
}

/** A field for each kind of argument that can need another permission than its field. */
function schemaOf() {
  const builder = builderOf();
  const Choice = builder.enumType('Choice', {
    values: { FREE: { value: 1 }, GUARDED: { value: 2, permission: 'check:update' } } as const,
  });
  interface Inner {
    name?: string | null;
    choices?: (1 | 2)[] | null;
    inner?: Inner | null;
  }
  const InnerInput = builder.inputRef<Inner>('Inner').implement({
    fields: (t) => ({
      name: t.string({ permission: 'check:create' }),
      choices: t.field({ type: [Choice] }),
      inner: t.field({ type: InnerInput as never }),
    }),
  });
  builder.queryFields((t) => ({
    guarded: t.boolean({
      nullable: true,
      permission: 'check:read',
      args: {
        id: t.arg.id({ permission: 'check:delete', own: (id) => id === 'mine' }),
        seen: t.arg.id({ visibleWith: 'category:read' }),
        choice: t.arg({ type: Choice }),
        inner: t.arg({ type: [InnerInput] }),
      },
      resolve: () => true,
    }),
    inProject: t.boolean({
      nullable: true,
      permission: 'project:read',
      on: (_root, { projectId }) => Promise.resolve(projectId),
      args: {
        projectId: t.arg.string({ required: true }),
        choice: t.arg({ type: Choice, defaultValue: 2 }),
      },
      resolve: () => true,
    }),
    open: t.boolean({ nullable: true, public: true, args: { choice: t.arg({ type: Choice }) }, resolve: () => true }),
  }));
  return builder.toSchema();
}

const schema = schemaOf();

/** Runs a query. The permissions of the caller are given as `permission` or `permission project`. */
async function ask(source: string, allowed: string[] | null) {
  const decide = (permission: Permission, target: string | null = null) => {
    const question = [permission, target].filter(Boolean).join(' ');
    return {
      allowed: allowed?.includes(question) ?? false,
      permission,
      reason: 'NO_GRANT',
      message: question,
      hint: '',
    };
  };
  const access = {
    decide,
    can: (permission: Permission, target?: string | null) => decide(permission, target).allowed,
    require(permission: Permission, target?: string | null) {
      const decision = decide(permission, target);
      if (!decision.allowed) throw new Error(decision.message);
    },
  };
  const contextValue = { unit: { access, actor: { credential: allowed && { access: 'WRITE' } } } };
  const { data, errors } = await graphql({ schema, source, contextValue });
  return errors?.map(({ message }) => message) ?? data;
}

const READ = ['check:read'];

test.each([
  ['guarded', []],
  ['guarded(id: null, choice: null, inner: null)', []],
  ['guarded(choice: FREE)', []],
  ['guarded(id: "mine")', []],
  ['guarded(seen: "any")', []],
  ['guarded(id: "other")', ['check:delete']],
  ['guarded(choice: GUARDED)', ['check:update']],
  ['guarded(inner: { name: "given" })', ['check:create']],
  ['guarded(inner: [{ name: null }, { choices: [FREE, GUARDED] }])', ['check:update']],
  ['guarded(inner: [{ inner: { inner: { name: "given" } } }])', ['check:create']],
  ['guarded(id: "other", choice: GUARDED)', ['check:delete', 'check:update']],
] as [string, string[]][])('%s needs the permissions of its given arguments', async (field, needs) => {
  expect(await ask(`{ ${field} }`, [...READ, ...needs])).toEqual({ guarded: true });
  for (const missing of needs) {
    const rest = needs.filter((need) => need !== missing);
    expect(await ask(`{ ${field} }`, [...READ, ...rest])).toEqual([missing]);
  }
  expect(await ask(`{ ${field} }`, needs)).toEqual(['check:read']);
});

test('the permission of an argument is checked in the scope of the permission of its field', async () => {
  const source = '{ inProject(projectId: "p1") }';
  expect(await ask(source, ['project:read p1', 'check:update p1'])).toEqual({ inProject: true });
  expect(await ask(source, ['project:read p1', 'check:update'])).toEqual(['check:update p1']);
  expect(await ask('{ inProject(projectId: "p1", choice: FREE) }', ['project:read p1'])).toEqual({ inProject: true });
});

test('an anonymous caller must sign in to use a public field with an argument that needs a permission', async () => {
  expect(await ask('{ open(choice: FREE) }', null)).toEqual({ open: true });
  expect(await ask('{ open(choice: GUARDED) }', null)).toEqual([expect.stringContaining('Sign in first')]);
});

test('the schema build rejects a guarded argument of a non-null field and an incomplete guard', () => {
  const built = (given: object, nullable = true) => {
    const builder = builderOf();
    builder.queryField('guarded', (t) =>
      t.boolean({ public: true, nullable, args: { id: t.arg.id(given as never) }, resolve: () => true } as never),
    );
    return () => builder.toSchema();
  };
  expect(built({ permission: 'check:read' }, false)).toThrow(
    'field Query.guarded can be refused, so it must be nullable',
  );
  expect(built({ own: () => true })).toThrow('Query.guarded.id: a function `own` goes with `permission`');
  expect(built({ own: true, permission: 'check:read' })).toThrow('`own: true` with `visibleWith`');
  expect(built({ own: true, visibleWith: 'check:read' }, false)).not.toThrow();
});
