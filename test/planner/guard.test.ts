import type { GraphQLField } from 'graphql';
import { expect, test, vi } from 'vitest';
import type { Context } from '../../src/context.ts';
import { checkArguments } from '../../src/planner/guard.ts';
import { NotPlanned } from '../../src/planner/model.ts';

const fieldWith = (extensions: object) => ({ name: 'datasets', extensions }) as GraphQLField<unknown, unknown>;
const ctx = {} as Context;

test('arguments are checked on the organization, and resolvers check those of a field that is guarded on a project', () => {
  const check = vi.fn();
  checkArguments(fieldWith({ argumentCheck: { check } }), { first: 1 }, ctx);
  expect(check.mock.calls).toEqual([[{ first: 1 }, ctx, null]]);
  const inProject = fieldWith({ argumentCheck: { check }, guard: { onOf: () => 'a project' } });
  expect(() => checkArguments(inProject, { first: 1 }, ctx)).toThrow(NotPlanned);
  expect(() => checkArguments(fieldWith({ argumentCheck: { check: null } }), {}, ctx)).not.toThrow();
  expect(check).toHaveBeenCalledTimes(1);
});
