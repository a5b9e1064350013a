import { type GraphQLInputField, isEnumType, isNonNullType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { bulkOf, createMutationOf, hasInputField, inputFields, valueAt, verbAndType } from '../support/introspect.ts';
import { sample } from '../support/sample.ts';
import { startInputs, titled } from './inputs.ts';

const { api, good, fields, lists, ids, refusal, send } = await startInputs();

const PREFIXES = [...new Set(ids.map((id) => id.slice(0, 3)))];
/** Inputs that accept IDs of two types, or that have no value in the valid input. */
const ACCEPTED: Record<string, string[]> = { principalId: ['mem_', 'sva_'], copyOf: ['rol_'] };
// Many fields share the code that refuses a value. So the short form sends a few values to each field.
const references = fields.filter(({ type }) => type.name === 'ID');

describe.each(titled(references))('the id %s', (title, { mutation, name }) => {
  const [accepted = ''] = ACCEPTED[name] ?? [];
  const one = String(valueAt(good[mutation], name) ?? ids.find((id) => id.startsWith(accepted)));
  const own = ACCEPTED[name] ?? [one.slice(0, 4)];
  const cases: [what: string, values: unknown[]][] = [
    ['an ID of another type', ids.filter((id) => !own.includes(id.slice(0, 4)))],
    ['the same ID with another prefix', PREFIXES.map((prefix) => prefix + one.slice(3)).filter((id) => id !== one)],
    ['an unknown ID', [`${one.slice(0, 4)}01h455vb4pex5vsknk084sn02q`]],
    ['a malformed ID', [one.toUpperCase(), `${one} `, one.slice(0, -1), `${one}0`, one.slice(4), '']],
    ['a text', ['Security', '%', "' or true --", '__proto__', 'a\u0000b', '\ud800', '🦊']],
    ['an ID that overflows to the same UUID', [one.replace('_0', '_8'), one.replace('_0', '_z')]],
    ['a number', [0, 42, -1, 2 ** 40]],
    ['as long as a request can be', [Array.from({ length: 2000 }, () => crypto.randomUUID()).join('')]],
  ];
  test.each(sample(cases, 2, title))('is rejected: %s', async (what, values) => {
    expect(values.length).toBeGreaterThan(0);
    for (const value of sample(values, 1, title + what))
      expect(await refusal(mutation, name, value), JSON.stringify(value)).toEqual(['NOT_FOUND']);
  });

  test('is rejected: a list, an object, a boolean or a fraction', async () => {
    for (const value of sample([[one, one], { id: one }, true, 0.5], 1, title))
      expect(await refusal(mutation, name, value), JSON.stringify(value)).toEqual(['BAD_REQUEST']);
  });
});

/** Invalid values for each type. */
const ODD: Record<string, unknown[]> = {
  Float: ['1', true, {}],
  Int: [2_147_483_648, -2_147_483_649, 1e300, 0.5, '1', true],
  Boolean: ['true', 1, 0, []],
  DateTime: ['', 'yesterday', '2026-02-30T00:00:00Z', '2026-01-01', '2026-01-01T25:00:00Z', 1e300, true, {}],
};
const NO_ENUM_VALUE = ['', 'OWNER', 'read', 'constructor', '__proto__', 0, ['READ', 'WRITE']];
const choices = fields.filter(({ type }) => isEnumType(type));
const plain = fields.filter(({ type }) => type.name in ODD);

test('these tests cover every input type', () => {
  const types = new Set([
    ...choices,
    // The content of a JSON value is validated by its resource.
    ...fields.filter(({ type }) => type.name in ODD || /^(ID|String|JSON)$/.test(type.name)),
  ]);
  expect(fields.filter((field) => !types.has(field))).toEqual([]);
});

test.each(titled([...plain, ...choices]))(
  '%s rejects values of another type',
  async (title, { mutation, name, type }) => {
    const noValue = NO_ENUM_VALUE.filter((value) => !isEnumType(type) || !type.getValue(String(value)));
    for (const value of sample(ODD[type.name] ?? noValue, 2, title))
      expect(await refusal(mutation, name, value), JSON.stringify(value)).toEqual(['BAD_REQUEST']);
  },
);

test.each(titled(plain.filter(({ type }) => type.name === 'Int')))(
  '%s rejects numbers out of range',
  async (_title, { mutation, name }) => {
    for (const value of [-1, 2_147_483_647, -2_147_483_648])
      expect(await refusal(mutation, name, value), String(value)).toEqual(['INVALID']);
  },
);

test.each(titled(plain.filter(({ type }) => type.name === 'DateTime')))(
  '%s rejects dates that the database cannot store',
  async (_title, { mutation, name }) => {
    for (const value of ['0000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', '+275760-09-13T00:00:00Z']) {
      const { refused, errors } = await send(mutation, { ...good[mutation], [name]: value });
      expect(['BAD_REQUEST', 'INVALID'], value).toContain(refused ?? errors[0]?.code);
      expect(api.logged).toEqual([]);
    }
  },
);

const required = [...fields, ...lists].filter((field) => field.required);

test.each(titled(required))('%s is required and cannot be null', async (_title, { mutation, name, hasDefault }) => {
  expect(await refusal(mutation, name, null)).toEqual(['BAD_REQUEST']);
  if (!hasDefault) expect(await refusal(mutation, name, undefined)).toEqual(['BAD_REQUEST']);
});

/** A list that is optional on create may also be empty. */
function mayBeEmpty(mutation: string, path: string): boolean {
  const create = createMutationOf(verbAndType(mutation)?.type ?? '');
  const { list } = bulkOf(mutation) ?? {};
  const name = list ? path.replace(`${list}.0.`, '') : path;
  const isOptional = ({ type, defaultValue }: GraphQLInputField): boolean =>
    !isNonNullType(type) || defaultValue !== undefined;
  return hasInputField(create, name) && inputFields(create).some((field) => field.name === name && isOptional(field));
}

/** The limit of a list. It is 200, unless the description states a higher one. */
const mostItems = (description: string): number =>
  Math.max(200, Number(/(?:at most|\bto) (\d+)\b/i.exec(description)?.[1] ?? 0));

describe.each(titled(lists))('the list %s', (title, { mutation, name, description }) => {
  const [item] = valueAt(good[mutation], name);

  test('rejects too few items, too many items and items of another type', async () => {
    if (!mayBeEmpty(mutation, name)) expect(await refusal(mutation, name, [])).toEqual(['TOO_SHORT']);
    const tooMany = Array(mostItems(description) + 1).fill(item);
    // So many objects also exceed the cost of one operation.
    const code = bulkOf(mutation)?.list === name ? 'BAD_REQUEST' : 'TOO_LONG';
    expect(await refusal(mutation, name, tooMany)).toEqual([code]);
    for (const value of sample<unknown>([[[item]], [item, null], [true], { 0: item }, 0.5], 2, title))
      expect(await refusal(mutation, name, value), JSON.stringify(value)).toEqual(['BAD_REQUEST']);
  });
});

// These tests are last, because they write.
test.each(Object.keys(good))('%s accepts the valid input that the tests above modify', async (mutation) => {
  expect(await send(mutation, good[mutation] ?? {})).toEqual({ errors: [] });
});
