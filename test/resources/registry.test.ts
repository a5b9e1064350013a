import { describe, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { createFixtures, missingEntryFor, rejectedInputs } from '../support/fixtures.ts';
import {
  createMutationOf,
  hasInputField,
  inputFields,
  mutations,
  nodeTypes,
  targetOf,
  toInput,
} from '../support/introspect.ts';
import { RESOURCES } from '../support/resources.ts';
import { createOrganization } from '../support/world.ts';

/** The registry describes each resource of the schema. A failure names the entry to add. */
const api = await startApi();
const fixtures = createFixtures(api, await createOrganization(api, 'acme'));

test.each(nodeTypes)('the registry has an entry for the type %s', (type) => {
  expect(RESOURCES[type] ? null : `add RESOURCES.${type} to test/support/resources.ts`).toBeNull();
});

test('the registry has no entry for a type that the schema lacks', () => {
  expect(Object.keys(RESOURCES).filter((type) => !nodeTypes.includes(type))).toEqual([]);
});

test('the registry has no case for a mutation that the schema lacks', () => {
  const names = mutations.map(({ name }) => name);
  const cases = Object.values(RESOURCES).flatMap((entry) => Object.keys(entry.cases ?? {}));
  expect(cases.filter((name) => !names.includes(name))).toEqual([]);
});

test.each(mutations.map(({ name }) => name))('the registry has an input for %s', (mutation) => {
  expect(missingEntryFor(mutation)).toBeNull();
});

test('the rejected inputs of the registry belong to mutations of the schema', async () => {
  const names = mutations.map(({ name }) => name);
  expect(Object.keys(await rejectedInputs(fixtures)).sort()).toEqual(names.toSorted());
});

/** All fields except the target, the dry run, those that exclude another one, and fields that edit a list in parts. */
const fieldsOf = (mutation: string): string[] =>
  inputFields(mutation)
    .map(({ name }) => name)
    .filter(
      (name) =>
        name !== targetOf(mutation) &&
        !['dryRun', 'noAccess', 'preset', 'copyOf'].includes(name) &&
        !/^(add|remove)[A-Z]/.test(name),
    )
    .sort();

describe.each(Object.keys(RESOURCES))('the entry %s', (type) => {
  const { create, obtain, updates } = RESOURCES[type] ?? {};

  if (create)
    test('gives each field of the create mutation a value', async () => {
      expect(
        Object.keys(toInput(createMutationOf(type), await create(fixtures))).sort(),
        `RESOURCES.${type}.create`,
      ).toEqual(fieldsOf(createMutationOf(type)));
    });

  if (updates)
    test('gives each field of the update mutation two values', async () => {
      const [one, other] = await updates(fixtures);
      for (const values of [one, other])
        expect(Object.keys(toInput(`update${type}`, values)).sort(), `RESOURCES.${type}.updates`).toEqual(
          fieldsOf(`update${type}`),
        );
      const same = Object.keys(one).filter((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
      const ofTerm = hasInputField(`update${type}`, 'fallbackRoleId') ? ['fallbackRoleId', 'roleExpiresAt'] : [];
      expect(same.sort(), `RESOURCES.${type}.updates: the same value twice`).toEqual(ofTerm);
    });

  test('creates an object', async () => {
    expect(await fixtures.one(type)).toMatch(/^[a-z]{3}_/);
    if (!obtain) expect(await fixtures.make(type)).not.toBe(await fixtures.one(type));
  });
});
