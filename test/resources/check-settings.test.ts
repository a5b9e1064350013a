import { describe, expect, test } from 'vitest';
import { uuidOf } from '../enforcement/support.ts';
import { startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  mutate,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const admin = await addMember(api, acme, 'admin');
const user = await addMember(api, acme, 'user');
/** Access tokens of sessions expire when the clock advances. */
const reader = await createApiToken(api, user, 'READ');
const rubric = await getRubric(owner);
const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };

const PREDICATE = 'predicate { operator value caseSensitive }';
const SETTINGS = `settings { __typename
  ... on ManualCheckSettings { type frequencyDays commentRequired }
  ... on HasOwnerCheckSettings { type contactRequired contactType }
  ... on ServicePropertyCheckSettings { type property definition { id } ${PREDICATE} }
  ... on TagDefinedCheckSettings { type key ${PREDICATE} }
  ... on LinkCheckSettings { type category name ${PREDICATE} }
  ... on HasDependencyCheckSettings { type }
  ... on RecentDeployCheckSettings { type days } }`;
const CHECK = `check { id type ${SETTINGS} }`;

const create = (settings: unknown, more: object = {}) =>
  mutate(admin, 'createCheck', { name: 'A check', ...place, ...more, settings }, CHECK);
const update = (id: string, settings: unknown) => mutate(admin, 'updateCheck', { check: { id }, settings }, CHECK);
const shown = async (id: string) =>
  (await queryData(user, `query ($id: ID!) { check(id: $id) { type ${SETTINGS} } }`, { id })).check;

const defined = async (caller = owner, name = 'Region') =>
  (
    await mutate(
      caller,
      'createPropertyDefinition',
      { name, alias: name.toLowerCase(), schema: { type: 'string' } },
      'propertyDefinition { id }',
    )
  ).propertyDefinition.id;
const region = await defined();

const contains = { operator: 'CONTAINS', value: ' Grafana ', caseSensitive: true };
const is = (value: string) => ({ operator: 'EQUALS', value, caseSensitive: false });

describe('the settings determine the type, and every member reads them as they were given:', () => {
  test.each([
    ['manual', 'MANUAL', { frequencyDays: 90, commentRequired: true }],
    ['hasOwner', 'HAS_OWNER', { contactRequired: true, contactType: 'SLACK' }],
    ['serviceProperty', 'SERVICE_PROPERTY', { property: 'LANGUAGE', predicate: is('Go') }],
    ['tagDefined', 'TAG_DEFINED', { key: 'env', predicate: contains }],
    ['link', 'LINK', { category: 'dashboard', name: 'Main', predicate: contains }],
    ['recentDeploy', 'RECENT_DEPLOY', { days: 7 }],
  ])('%s', async (field, type, given) => {
    const { check, errors } = await create({ [field]: given });
    expect(errors).toEqual([]);
    const typename = `${field.slice(0, 1).toUpperCase()}${field.slice(1)}CheckSettings`;
    const settings = { __typename: typename, type, ...(type === 'SERVICE_PROPERTY' && { definition: null }), ...given };
    expect(check).toEqual({ id: check.id, type, settings });
    expect(await shown(check.id)).toEqual({ type, settings });
  });

  test('hasDependency, which has no settings', async () => {
    const { check } = await create({ hasDependency: true });
    const settings = { __typename: 'HasDependencyCheckSettings', type: 'HAS_DEPENDENCY' };
    expect(await shown(check.id)).toEqual({ type: 'HAS_DEPENDENCY', settings });
    expect(await create({ hasDependency: false })).toEqual({
      check: null,
      errors: [{ code: 'INVALID', path: ['settings', 'hasDependency'] }],
    });
  });

  test('serviceProperty of a definition, by its ID or its alias', async () => {
    for (const definition of [{ id: region }, { alias: 'region' }]) {
      const { check } = await create({ serviceProperty: { definition, predicate: is('eu') } });
      expect((await shown(check.id)).settings).toEqual({
        __typename: 'ServicePropertyCheckSettings',
        ...{ type: 'SERVICE_PROPERTY', property: null, definition: { id: region }, predicate: is('eu') },
      });
    }
  });
});

const DEFAULTS: Record<string, object> = {
  MANUAL: { frequencyDays: null, commentRequired: false },
  HAS_OWNER: { contactRequired: false, contactType: null },
  SERVICE_PROPERTY: { property: null, definition: null, predicate: null },
  TAG_DEFINED: { key: null, predicate: null },
  LINK: { category: null, name: null, predicate: null },
  HAS_DEPENDENCY: {},
  RECENT_DEPLOY: { days: 30 },
};

test('a check without settings is MANUAL with the default settings', async () => {
  for (const settings of [undefined, null, { manual: {} }]) {
    const { check } = await create(settings);
    expect(check).toMatchObject({ type: 'MANUAL', settings: DEFAULTS['MANUAL'] });
  }
});

test.each(Object.entries(DEFAULTS))(
  'a %s check without stored settings reads as the defaults',
  async (type, settings) => {
    const id = await createCheck(admin, rubric);
    await api.root`update checks set type = ${type}, settings = '{}' where id = ${uuidOf('chk', id)}`;
    expect(await shown(id)).toEqual({ type, settings: { __typename: expect.any(String), type, ...settings } });
  },
);

describe('an update', () => {
  test('changes the given settings only, and null clears one', async () => {
    const { check } = await create({ link: { category: 'docs', name: 'Guide', predicate: contains } });
    expect((await update(check.id, { link: { name: 'Manual' } })).check.settings).toMatchObject({
      ...{ category: 'docs', name: 'Manual', predicate: contains },
    });
    expect((await update(check.id, { link: { category: null, predicate: null } })).check.settings).toMatchObject({
      ...{ category: null, name: 'Manual', predicate: null },
    });
    const renamed = await mutate(admin, 'updateCheck', { check: { id: check.id }, name: 'Docs' }, CHECK);
    expect(renamed.check.settings).toMatchObject({ category: null, name: 'Manual', predicate: null });
  });

  test('cannot change the type', async () => {
    const { check } = await create({ manual: { frequencyDays: 30 } });
    const before = await shown(check.id);
    expect(await update(check.id, { tagDefined: { key: 'env' } })).toEqual({
      check: null,
      errors: [{ code: 'INVALID', path: ['settings', 'tagDefined'] }],
    });
    expect(await update(check.id, { hasDependency: true })).toEqual({
      check: null,
      errors: [{ code: 'INVALID', path: ['settings', 'hasDependency'] }],
    });
    expect(await update(check.id, null)).toEqual({ check: null, errors: [{ code: 'REQUIRED', path: ['settings'] }] });
    expect(await shown(check.id)).toEqual(before);
  });

  test('replaces a built-in property by a definition only if the other one is cleared', async () => {
    const { check } = await create({ serviceProperty: { property: 'TIER' } });
    const definition = { id: region };
    expect(await update(check.id, { serviceProperty: { definition } })).toEqual({
      check: null,
      errors: [{ code: 'INVALID', path: ['settings', 'serviceProperty'] }],
    });
    const { settings } = (await update(check.id, { serviceProperty: { definition, property: null } })).check;
    expect(settings).toMatchObject({ property: null, definition });
  });
});

describe('wrong settings are errors on their path, and no check is created:', () => {
  const predicate = (operator: string, value: string) => ({ operator, value });
  test.each([
    ['a frequency of no day', { manual: { frequencyDays: 0 } }, 'INVALID', ['manual', 'frequencyDays']],
    ['a frequency that is too long', { manual: { frequencyDays: 4_000 } }, 'INVALID', ['manual', 'frequencyDays']],
    ['null for a Boolean', { manual: { commentRequired: null } }, 'REQUIRED', ['manual', 'commentRequired']],
    [
      'a type of contact that is not required',
      { hasOwner: { contactType: 'EMAIL' } },
      'INVALID',
      ['hasOwner', 'contactType'],
    ],
    ['no property', { serviceProperty: {} }, 'INVALID', ['serviceProperty']],
    [
      'two properties',
      { serviceProperty: { property: 'NAME', definition: { alias: 'region' } } },
      'INVALID',
      ['serviceProperty'],
    ],
    [
      'an unknown definition',
      { serviceProperty: { definition: { alias: 'nothing' } } },
      'NOT_FOUND',
      ['serviceProperty', 'definition'],
    ],
    ['an empty key', { tagDefined: { key: ' ' } }, 'TOO_SHORT', ['tagDefined', 'key']],
    ['a key of 50 KB', { tagDefined: { key: 'k'.repeat(50_000) } }, 'TOO_LONG', ['tagDefined', 'key']],
    [
      'a value of 50 KB',
      { link: { predicate: predicate('CONTAINS', 'v'.repeat(50_000)) } },
      'TOO_LONG',
      ['link', 'predicate', 'value'],
    ],
    [
      'a NUL character',
      { link: { predicate: predicate('CONTAINS', '\u0000') } },
      'INVALID',
      ['link', 'predicate', 'value'],
    ],
    [
      'a wrong regular expression',
      { link: { predicate: predicate('MATCHES_REGEX', '(') } },
      'INVALID',
      ['link', 'predicate', 'value'],
    ],
    [
      'a back-reference',
      { link: { predicate: predicate('MATCHES_REGEX', '(a)\\1') } },
      'INVALID',
      ['link', 'predicate', 'value'],
    ],
    [
      'a number for a text',
      { link: { predicate: predicate('GREATER_THAN_OR_EQUAL_TO', '3') } },
      'INVALID',
      ['link', 'predicate', 'operator'],
    ],
    ['no deploys', { recentDeploy: { days: 0 } }, 'INVALID', ['recentDeploy', 'days']],
  ])('%s', async (_what, settings, code, path) => {
    const [before] = await api.root`select count(*) as checks from checks`;
    const answer = await create(settings);
    expect(answer).toEqual({ check: null, errors: [{ code, path: ['settings', ...path] }] });
    expect((await api.root`select count(*) as checks from checks`)[0]).toEqual(before);
  });

  test.each([
    ['two types', { manual: {}, hasDependency: true }],
    ['no type', {}],
    ['a type that is null', { manual: null }],
    ['an unknown type', { webhook: {} }],
    ['a column of the table', { manual: { definitionId: region } }],
    ['a setting of another type', { manual: { key: 'env' } }],
    ['an operator of filters', { link: { predicate: { operator: 'BELONGS_TO', value: 'x' } } }],
    ['a list', [{ manual: {} }, { manual: {} }]],
  ])('%s is BAD_REQUEST', async (_what, settings) => {
    expect(await create(settings)).toEqual({ refused: 'BAD_REQUEST' });
  });

  test('the input has no field for the type', async () => {
    expect(await mutate(admin, 'createCheck', { name: 'A check', ...place, type: 'HAS_OWNER' })).toEqual({
      refused: 'BAD_REQUEST',
    });
  });
});

describe('another organization', () => {
  const globex = createOrganization(api, 'globex');

  test('cannot use the property definitions, filters and teams of this one', async () => {
    const { owner: other } = await globex;
    const there = await getRubric(other);
    const at = { category: { id: there.categories['Security'] }, level: { id: there.levels['Bronze'] } };
    const filter = (
      await mutate(
        owner,
        'createFilter',
        { name: 'All', predicates: [{ key: 'NAME', operator: 'CONTAINS', value: 'a' }] },
        'filter { id }',
      )
    ).filter.id;
    const team = (await mutate(owner, 'createTeam', { name: 'Payments' }, 'team { id }')).team.id;
    const attempt = (input: object) =>
      mutate(other, 'createCheck', { name: 'Astray', ...at, ...input }, 'check { id }');
    const own = (input: object) => mutate(owner, 'createCheck', { name: 'Here', ...place, ...input }, 'check { id }');
    for (const [input, path] of [
      [
        { settings: { serviceProperty: { definition: { id: region } } } },
        ['settings', 'serviceProperty', 'definition'],
      ],
      [{ filterId: filter }, ['filterId']],
      [{ team: { id: team } }, ['team']],
    ] as const) {
      expect(await attempt(input)).toEqual({ check: null, errors: [{ code: 'NOT_FOUND', path }] });
      expect(await own(input)).toEqual({ check: { id: expect.any(String) }, errors: [] });
    }
  });
});

test('a definition that a check uses cannot be deleted', async () => {
  const id = await defined(owner, 'Runtime');
  const { check } = await create({ serviceProperty: { definition: { id } } }, { name: 'Runtime is known' });
  const remove = () =>
    mutate(owner, 'deletePropertyDefinition', { propertyDefinition: { id } }, 'deletedId errors { usedBy { id } }');
  expect(await remove()).toEqual({
    deletedId: null,
    errors: [{ code: 'IN_USE', path: ['propertyDefinition'], usedBy: [{ id: check.id }] }],
  });
  const list = 'query ($id: ID!) { propertyDefinition(id: $id) { checks { nodes { name } } } }';
  expect((await queryData(user, list, { id })).propertyDefinition.checks.nodes).toEqual([{ name: 'Runtime is known' }]);
  await mutate(admin, 'deleteCheck', { check: { id: check.id } });
  expect(await remove()).toEqual({ deletedId: id, errors: [] });
});

test('an audit event shows the settings before and after', async () => {
  const { check } = await create({ manual: { frequencyDays: 30 } });
  await update(check.id, { manual: { frequencyDays: 60 } });
  const { auditEvents } = await queryData(
    owner,
    'query ($id: ID!) { auditEvents(first: 1, filter: { targetId: $id }) { nodes { action before after } } }',
    { id: check.id },
  );
  expect(auditEvents.nodes).toMatchObject([
    {
      action: 'updateCheck',
      before: { settings: { frequencyDays: 30, commentRequired: false } },
      after: { settings: { frequencyDays: 60, commentRequired: false } },
    },
  ]);
});

test('a check is UPCOMING until `enableOn`, and the list can be filtered by the state', async () => {
  const names = { on: 'Counts', off: 'Off', soon: 'Soon' };
  const soon = new Date(Date.now() + 3_600_000);
  await createCheck(admin, rubric, { name: names.on, alias: 'state-on' });
  await createCheck(admin, rubric, { name: names.off, enabled: false });
  const id = await createCheck(admin, rubric, { name: names.soon, enableOn: soon });
  const list = async (state: string) =>
    (
      await queryData(
        reader,
        'query ($s: CheckState!) { checks(first: 500, filter: { state: $s }) { nodes { name state } } }',
        {
          s: state,
        },
      )
    ).checks.nodes;
  const others = Object.values(names);
  const found = async (state: string) =>
    (await list(state)).filter(({ name }: { name: string }) => others.includes(name));
  expect(await found('UPCOMING')).toEqual([{ name: names.soon, state: 'UPCOMING' }]);
  expect(await found('DISABLED')).toEqual([{ name: names.off, state: 'DISABLED' }]);
  expect(await found('ENABLED')).toEqual([{ name: names.on, state: 'ENABLED' }]);
  api.advance(3_601_000);
  expect(await found('UPCOMING')).toEqual([]);
  expect((await queryData(reader, 'query ($id: ID!) { check(id: $id) { state enabled } }', { id })).check).toEqual({
    state: 'ENABLED',
    enabled: true,
  });
});
