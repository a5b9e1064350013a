import { describe, expect, test } from 'vitest';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import {
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  membersOfEachRole,
  mutate,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const people = await membersOfEachRole(api, await createOrganization(api, 'acme'));
const rubric = await getRubric(people.owner);
const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };

const DAY = 24 * 3_600_000;
const inDays = (days: number): string => new Date(Date.now() + days * DAY).toISOString();

const NODE = 'query ($id: ID!) { node(id: $id) { ... on Check { enabled enableOn } } }';
const nodeOf = async (id: string) => (await queryData(people.read, NODE, { id })).node;

describe('a check is enabled', () => {
  const both = { errors: [{ code: 'INVALID', path: ['enableOn'] }] };

  test.each([
    ['by default', {}, true],
    ['when it is enabled', { enabled: true }, true],
    ['not when it is disabled', { enabled: false }, false],
    ['not before its date', { enableOn: inDays(1) }, false],
    ['not before its date, also when it is disabled', { enabled: false, enableOn: inDays(1) }, false],
    ['when its date is past', { enableOn: inDays(-1) }, true],
  ])('%s', async (_what, input, enabled) => {
    const id = await createCheck(people.admin, rubric, input);
    const enableOn = 'enableOn' in input ? input.enableOn : null;
    expect(await nodeOf(id)).toMatchObject({ enabled, enableOn });
    const { checks } = await queryData(
      people.read,
      '{ checks(filter: { enabled: true }, first: 500) { nodes { id } } }',
    );
    expect(checks.nodes.some((check: Json) => check.id === id)).toBe(enabled);
  });

  test('enabled: true and enableOn cannot be set together', async () => {
    const wrong = { enabled: true, enableOn: inDays(1) };
    expect(await mutate(people.admin, 'createCheck', { name: 'Both', ...place, ...wrong })).toEqual(both);
    const id = await createCheck(people.admin, rubric, { enabled: false });
    expect(await mutate(people.admin, 'updateCheck', { check: { id }, ...wrong })).toEqual(both);
    expect(await nodeOf(id)).toMatchObject({ enabled: false, enableOn: null });
  });

  const later = { name: 'Later', enabled: false, enableOn: inDays(10) };
  test.each([
    ['enabling clears the date', later, { enabled: true }, { enabled: true, enableOn: null }],
    ['disabling clears the date', later, { enabled: false }, { enabled: false, enableOn: null }],
    ['a future date disables until then', {}, { enableOn: inDays(9) }, { enabled: false }],
    ['clearing a future date keeps the check disabled', later, { enableOn: null }, { enabled: false, enableOn: null }],
    [
      'clearing a past date keeps the check enabled',
      { enableOn: inDays(-1) },
      { enableOn: null },
      { enabled: true, enableOn: null },
    ],
    ['clearing an unset date keeps the check enabled', {}, { enableOn: null }, { enabled: true, enableOn: null }],
    [
      'clearing the date and enabling can be combined',
      later,
      { enableOn: null, enabled: true },
      { enabled: true, enableOn: null },
    ],
    ['other updates keep both', later, { name: 'Still later' }, { enabled: false, enableOn: later.enableOn }],
  ])('%s', async (_what, first, change, expected) => {
    const id = await createCheck(people.admin, rubric, first);
    expect(await mutate(people.admin, 'updateCheck', { check: { id }, ...change })).toEqual({ errors: [] });
    expect(await nodeOf(id)).toMatchObject(expected);
  });

  test('the field and the filter change when the date comes', async () => {
    // The access token of a session would expire earlier.
    const caller = await createApiToken(api, people.user, 'READ');
    const id = await createCheck(people.admin, rubric, { name: 'In a month', enableOn: inDays(30) });
    const seen = async () => {
      const { on, off, node } = await queryData(
        caller,
        `query ($id: ID!) {
          on: checks(filter: { search: "In a month", enabled: true }) { totalCount nodes { id } }
          off: checks(filter: { search: "In a month", enabled: false }) { totalCount nodes { id } }
          node(id: $id) { ... on Check { enabled } } }`,
        { id },
      );
      return { on, off, ...node };
    };
    const [none, one] = [
      { totalCount: 0, nodes: [] },
      { totalCount: 1, nodes: [{ id }] },
    ];
    expect(await seen()).toEqual({ on: none, off: one, enabled: false });
    api.advance(31 * DAY);
    expect(await seen()).toEqual({ on: one, off: none, enabled: true });
  });
});
