import { describe, expect, test } from 'vitest';
import { type Json, startApi } from '../support/api.ts';
import { size } from '../support/size.ts';
import { createOrganization, mutate, queryData } from '../support/world.ts';
import { createFilter, names, nested } from './support.ts';

const api = await startApi();
const { owner } = await createOrganization(api, 'acme');

const LEAF = { key: 'NAME', operator: 'CONTAINS', value: 'a' };
const REGEX = { key: 'NAME', operator: 'MATCHES_REGEX', value: '^a' };

const update = (id: string, ...predicates: object[]): Promise<Json> =>
  mutate(owner, 'updateFilter', { id, predicates });

/** Filters of which each contains the next one. The last one is a leaf. */
async function chain(length: number): Promise<string[]> {
  const ids = [await createFilter(owner, LEAF)];
  while (ids.length < length) ids.unshift(await createFilter(owner, nested(ids[0] as string)));
  return ids;
}

const cycleAt = (...at: number[]) => ({
  errors: at.map((index) => ({ code: 'INVALID', path: ['predicates', String(index), 'value'] })),
});
const LIMIT = { errors: [{ code: 'LIMIT_EXCEEDED', path: ['predicates'] }] };

describe('a filter cannot contain itself', () => {
  test('directly or through others, and the error names each predicate that makes the cycle', async () => {
    const [outer = '', middle = '', inner = ''] = await chain(3);
    const other = await createFilter(owner, LEAF);
    expect(await update(inner, LEAF, nested(inner))).toEqual(cycleAt(1));
    expect(await update(inner, nested(outer), LEAF, nested(other), nested(middle, 'DOES_NOT_MATCH'))).toEqual(
      cycleAt(0, 3),
    );
    expect(await update(inner, nested(other))).toEqual({ errors: [] });
    expect(await update(outer, nested(other), nested(inner), nested(middle))).toEqual({ errors: [] });
  });

  test('when two updates at once nest two filters in each other', async () => {
    for (let round = 0; round < size(5, 50); round += 1) {
      const [one, other] = [await createFilter(owner, LEAF), await createFilter(owner, LEAF)];
      const answers = await Promise.all([update(one, nested(other)), update(other, nested(one))]);
      expect(answers).toHaveLength(2);
      expect(answers).toEqual(expect.arrayContaining([{ errors: [] }, cycleAt(0)]));
      expect(await names(owner, { filterId: one })).toEqual([]);
    }
  });

  test('when three updates at once make a cycle', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => createFilter(owner, LEAF)));
    const answers = await Promise.all(ids.map((id, at) => update(id, nested(ids[(at + 1) % 3] as string))));
    expect(answers.filter(({ errors }) => errors.length === 0)).toHaveLength(2);
    expect(answers).toEqual(expect.arrayContaining([cycleAt(0)]));
  });
});

describe('nesting has a limit', () => {
  test('of 5 levels, also for filters that contain a changed one', async () => {
    const ids = await chain(5);
    const leaf = ids.at(-1) as string;
    const other = await createFilter(owner, LEAF);
    expect(await mutate(owner, 'createFilter', { name: 'Deep', predicates: [nested(ids[0] as string)] })).toEqual(
      LIMIT,
    );
    expect(await update(leaf, nested(other))).toEqual(LIMIT);
    expect(await update(ids[1] as string, nested(ids[3] as string))).toEqual({ errors: [] });
    expect(await update(leaf, nested(other))).toEqual({ errors: [] });
    expect(await names(owner, { filterId: ids[0] })).toEqual([]);
  });

  test('of 1,000 levels, of which only the first 5 can be created', async () => {
    let made = await createFilter(owner, LEAF);
    let count = 1;
    for (; count < 1_000; count += 1) {
      const input = { name: `Level ${count}`, predicates: [nested(made)] };
      const { filter, errors } = await mutate(owner, 'createFilter', input, 'filter { id }');
      if (!filter) expect({ errors }).toEqual(LIMIT);
      if (!filter) break;
      made = filter.id;
    }
    expect(count).toBe(5);
  });

  test('of 200 predicates, where a filter that is nested twice counts twice', async () => {
    const inner = await createFilter(owner, ...Array(30).fill(LEAF));
    const large = await createFilter(owner, ...Array(6).fill(nested(inner)));
    expect(await update(large, ...Array(7).fill(nested(inner)))).toEqual(LIMIT);
    expect(await update(inner, ...Array(33).fill(LEAF))).toEqual(LIMIT);
    expect(await update(inner, ...Array(32).fill(LEAF))).toEqual({ errors: [] });
    expect(await names(owner, { matches: { predicates: [nested(large)] } })).toEqual([]);
  });

  test('of 20 regular expressions', async () => {
    const inner = await createFilter(owner, ...Array(10).fill(REGEX));
    const outer = await createFilter(owner, nested(inner), nested(inner));
    expect(await update(outer, nested(inner), nested(inner), REGEX)).toEqual(LIMIT);
    expect(await mutate(owner, 'createFilter', { name: 'Many', predicates: Array(21).fill(REGEX) })).toEqual(LIMIT);
    expect(await update(inner, ...Array(11).fill(REGEX))).toEqual(LIMIT);
    expect(await update(inner, ...Array(9).fill(REGEX))).toEqual({ errors: [] });
  });
});

describe('requests at once', () => {
  const remove = (id: string): Promise<Json> => mutate(owner, 'deleteFilter', { id }, 'deletedId');

  test('delete a filter once', async () => {
    for (let round = 0; round < size(3, 30); round += 1) {
      const id = await createFilter(owner, LEAF);
      const answers = await Promise.all([remove(id), remove(id), remove(id)]);
      expect(answers.filter(({ deletedId }) => deletedId === id)).toHaveLength(1);
      expect(answers.filter(({ refused }) => refused === 'NOT_FOUND')).toHaveLength(2);
    }
  });

  test('do not nest a filter that another one deletes', async () => {
    for (let round = 0; round < size(5, 50); round += 1) {
      const [outer, inner] = [await createFilter(owner, LEAF), await createFilter(owner, LEAF)];
      const [changed, deleted] = await Promise.all([update(outer, nested(inner)), remove(inner)]);
      const isNested = changed.errors.length === 0;
      if (isNested) expect(deleted.errors).toEqual([{ code: 'IN_USE', path: ['id'] }]);
      else expect(deleted.deletedId).toBe(inner);
      const { filter } = await queryData(owner, 'query ($id: ID!) { filter(id: $id) { predicates { key } } }', {
        id: outer,
      });
      expect(filter.predicates).toEqual([{ key: isNested ? 'FILTER' : 'NAME' }]);
    }
  });

  test('leave the predicates of one of several updates', async () => {
    const id = await createFilter(owner, LEAF);
    const lists = [1, 2, 3, 4].map((count) => Array(count).fill({ ...LEAF, value: String(count) }));
    expect(await Promise.all(lists.map((predicates) => update(id, ...predicates)))).toEqual(
      lists.map(() => ({ errors: [] })),
    );
    const { filter } = await queryData(owner, 'query ($id: ID!) { filter(id: $id) { predicates { value } } }', { id });
    expect(filter.predicates).toEqual(
      Array(filter.predicates.length).fill({ value: String(filter.predicates.length) }),
    );
  });
});
