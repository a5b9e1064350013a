import { describe, expect, test } from 'vitest';
import { bulkOf } from '../support/introspect.ts';
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

/** The path of a field of the object: in the first item, if the mutation has several. */
function pathOf(mutation: string, name: string): string {
  const bulk = bulkOf(mutation);
  return bulk ? `${bulk.list}.0.${name}` : name;
}

describe.each(Object.keys(good))('%s', (mutation) => {
  const own = fields.filter((field) => field.mutation === mutation).map(({ name }) => name);
  const asked = NOT_ASKED.filter((name) => own.includes(pathOf(mutation, name)));
  const guarded = GUARDED[mutation] ?? [];

  test('has no input field that only the server sets', () => {
    expect(asked).toEqual(guarded);
  });

  const others = NOT_ASKED.filter((name) => !guarded.includes(name));
  test.each(sample(others, 5, mutation))('is refused with %s', async (name) => {
    expect(await refusal(mutation, pathOf(mutation, name), ids[0])).toEqual(['BAD_REQUEST']);
  });
});

test.each(Object.keys(good).filter((name) => name.startsWith('create')))(
  '%s is refused with an id of the caller’s choice',
  async (mutation) => {
    expect(await refusal(mutation, pathOf(mutation, 'id'), ids[0])).toEqual(['BAD_REQUEST']);
  },
);
