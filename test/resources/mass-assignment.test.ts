import { describe, expect, test } from 'vitest';
import { sample } from '../support/sample.ts';
import { startInputs } from './inputs.ts';

const { good, fields, ids, refusal } = await startInputs();

/** Columns that only the server sets. */
const NOT_ASKED = [
  'organizationId',
  'orgId',
  'tenantId',
  'memberId',
  'userId',
  'createdBy',
  'createdAt',
  'updatedAt',
  'role',
  'roles',
  'permissions',
  'isSystem',
  'builtIn',
  'hash',
  'secret',
  'passwordHash',
  'access',
  '__proto__',
  'constructor',
];

/** Exceptions, which require a separate permission. */
const GUARDED: Record<string, string[]> = { createApiToken: ['access'] };

describe.each(Object.keys(good))('%s', (mutation) => {
  const own = fields.filter((field) => field.mutation === mutation).map(({ name }) => name);
  const guarded = GUARDED[mutation] ?? [];

  test('has no input field that only the server sets', () => {
    expect(own.filter((name) => NOT_ASKED.includes(name))).toEqual(guarded);
  });

  const others = NOT_ASKED.filter((name) => !guarded.includes(name));
  test.each(sample(others, 5, mutation))('is refused with %s', async (name) => {
    expect(await refusal(mutation, name, ids[0])).toEqual(['BAD_REQUEST']);
  });
});

test.each(Object.keys(good).filter((name) => name.startsWith('create')))(
  '%s is refused with an id of the caller’s choice',
  async (mutation) => {
    expect(await refusal(mutation, 'id', ids[0])).toEqual(['BAD_REQUEST']);
  },
);
