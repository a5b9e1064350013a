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

/** A field for each place where an argument can need more than its field. */
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
    asked: t.boolean({
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
    there: t.boolean({
      nullable: true,
      permission: 'project:read',
      on: (_root, { place }) => Promise.resolve(place),
      args: {
        place: t.arg.string({ required: true }),
        choice: t.arg({ type: Choice, defaultValue: 2 }),
      },
      resolve: () => true,
    }),
    open: t.boolean({ nullable: true, public: true, args: { choice: t.arg({ type: Choice }) }, resolve: () => true }),
  }));
  return builder.toSchema();
}

const schema = schemaOf();

/** What the caller may do, as `permission` or `permission project`. */
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
  ['asked', []],
  ['asked(id: null, choice: null, inner: null)', []],
  ['asked(choice: FREE)', []],
  ['asked(id: "mine")', []],
  ['asked(seen: "any")', []],
  ['asked(id: "other")', ['check:delete']],
  ['asked(choice: GUARDED)', ['check:update']],
  ['asked(inner: { name: "given" })', ['check:create']],
  ['asked(inner: [{ name: null }, { choices: [FREE, GUARDED] }])', ['check:update']],
  ['asked(inner: [{ inner: { inner: { name: "given" } } }])', ['check:create']],
  ['asked(id: "other", choice: GUARDED)', ['check:delete', 'check:update']],
] as [string, string[]][])('%s needs what the given arguments need', async (field, needs) => {
  expect(await ask(`{ ${field} }`, [...READ, ...needs])).toEqual({ asked: true });
  for (const missing of needs) {
    const rest = needs.filter((need) => need !== missing);
    expect(await ask(`{ ${field} }`, [...READ, ...rest])).toEqual([missing]);
  }
  expect(await ask(`{ ${field} }`, needs)).toEqual(['check:read']);
});

test('a permission of an argument is asked where the permission of the field is asked', async () => {
  const source = '{ there(place: "p1") }';
  expect(await ask(source, ['project:read p1', 'check:update p1'])).toEqual({ there: true });
  expect(await ask(source, ['project:read p1', 'check:update'])).toEqual(['check:update p1']);
  expect(await ask('{ there(place: "p1", choice: FREE) }', ['project:read p1'])).toEqual({ there: true });
});

test('an anonymous caller of a public field is asked to sign in by an argument that needs a permission', async () => {
  expect(await ask('{ open(choice: FREE) }', null)).toEqual({ open: true });
  expect(await ask('{ open(choice: GUARDED) }', null)).toEqual([expect.stringContaining('Sign in first')]);
});

test('the schema does not build when an argument can refuse a field that cannot be null, or says half of a rule', () => {
  const built = (given: object, nullable = true) => {
    const builder = builderOf();
    builder.queryField('asked', (t) =>
      t.boolean({ public: true, nullable, args: { id: t.arg.id(given as never) }, resolve: () => true } as never),
    );
    return () => builder.toSchema();
  };
  expect(built({ permission: 'check:read' }, false)).toThrow(
    'field Query.asked can be refused, so it must be nullable',
  );
  expect(built({ own: () => true })).toThrow('Query.asked.id: a function `own` goes with `permission`');
  expect(built({ own: true, permission: 'check:read' })).toThrow('`own: true` with `visibleWith`');
  expect(built({ own: true, visibleWith: 'check:read' }, false)).not.toThrow();
});
