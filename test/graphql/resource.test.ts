import { foreignKey, index, integer, jsonb, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { expect, test } from 'vitest';
import { domainError } from '../../src/db/constraints.ts';
import {
  alias,
  denseIndex,
  multiLine,
  optionalLine,
  optionalRef,
  readOnly,
  ref,
  singleLine,
  type Union,
  type UnionMember,
  union,
} from '../../src/graphql/attributes.ts';
import { RESOURCES, resource } from '../../src/graphql/resource.ts';
import { describe as describeResource } from '../../src/graphql/resource-model.ts';
import { Category } from '../../src/resources/category/resource.ts';
import { tenantTable } from '../../src/resources/organization/table.ts';
import { projectTarget } from '../../src/resources/project/ref.ts';
import { buildSchema } from '../../src/schema.ts';

buildSchema();

/** A declaration that matches its table. Each test makes one part wrong, so `Gadget` is never added to the schema. */
const gadgets = tenantTable(
  'gadgets',
  {
    name: text('name').notNull(),
    note: text('note'),
    size: integer('size'),
    categoryId: uuid('category_id').notNull(),
  },
  (t) => [
    index('gadgets_by_name').on(t.organizationId, t.name, t.id),
    uniqueIndex('gadgets_note').on(t.organizationId, t.note),
  ],
);
const GADGET = {
  table: gadgets,
  id: 'gad',
  permission: 'tier',
  plural: 'gadgets',
  description: 'For this test.',
  attributes: { name: singleLine(10, 'The name') },
  order: ['name'],
} as const;

const WRONG: [string, () => unknown, string][] = [
  [
    'an unknown permission',
    // @ts-expect-error there is no such permission
    () => resource('Gadget', { ...GADGET, permission: 'gadget', project: projectTarget }),
    'Gadget.project: is not allowed, because gadget:read is checked on the organization',
  ],
  [
    'an attribute without a column',
    // @ts-expect-error there is no such column
    () => resource('Gadget', { ...GADGET, attributes: { title: singleLine(10, 'The title') } }),
    'Gadget.title: the table gadgets has no such column',
  ],
  [
    'an attribute that cannot be null for a column that can',
    // @ts-expect-error the column can be null
    () => resource('Gadget', { ...GADGET, attributes: { note: singleLine(10, 'The note') } }),
    'Gadget.note: the attribute cannot be null, but the column can',
  ],
  [
    'an attribute that can be null for a column that cannot',
    // @ts-expect-error the column cannot be null
    () => resource('Gadget', { ...GADGET, attributes: { name: multiLine(10, 'The name') } }),
    'Gadget.name: the attribute can be null, but the column cannot',
  ],
  [
    'an attribute of another type than its column',
    // @ts-expect-error the column is a number
    () => resource('Gadget', { ...GADGET, attributes: { size: multiLine(10, 'The size') }, order: ['size'] }),
    'Gadget.order: the table gadgets needs an index that begins with organization_id, size',
  ],
  [
    'a unique attribute without a unique index',
    () => resource('Gadget', { ...GADGET, attributes: { name: singleLine(10, 'The name', { unique: true }) } }),
    'Gadget.name: the table gadgets needs the unique index gadgets_name',
  ],
  [
    'an alias without a unique index',
    // @ts-expect-error there is no such column
    () => resource('Gadget', { ...GADGET, attributes: { alias: alias('The alias') } }),
    'Gadget.alias: the table gadgets has no such column',
  ],
  [
    'a dense index in another column',
    // @ts-expect-error the column can be null
    () => resource('Gadget', { ...GADGET, attributes: { size: denseIndex('The size') } }),
    'Gadget.size: the attribute cannot be null, but the column can',
  ],
  [
    'a reference without a foreign key',
    () => resource('Gadget', { ...GADGET, attributes: { categoryId: ref(Category, 'The category') } }),
    'Gadget.categoryId: the table gadgets needs the foreign key gadgets_category from organization_id, category_id to categories',
  ],
  [
    'an order without an index',
    () => resource('Gadget', { ...GADGET, order: ['name', 'categoryId'] }),
    'Gadget.order: the table gadgets needs an index that begins with organization_id, category_id',
  ],
  [
    'a filter without a column',
    // @ts-expect-error there is no such column
    () => resource('Gadget', { ...GADGET, filter: { colour: true } }),
    'Gadget.filter.colour: the table gadgets has no column colour',
  ],
  [
    'a search in a column that is not text',
    () => resource('Gadget', { ...GADGET, filter: { search: ['size'] } }),
    'Gadget.filter.search: size is not a text column',
  ],
  [
    'a range of a text column',
    () => resource('Gadget', { ...GADGET, filter: { name: 'range' } }),
    'Gadget.filter.name: a range needs a column of time',
  ],
  [
    'a filter that is null by default without a reference',
    () => resource('Gadget', { ...GADGET, filter: { name: 'null by default' } }),
    'Gadget.filter.name: only a reference that can be null is null by default',
  ],
  [
    'a project for a permission of the organization',
    () => resource('Gadget', { ...GADGET, project: projectTarget }),
    'Gadget.project: is not allowed, because tier:read is checked on the organization',
  ],
  [
    'no project for a permission of a project',
    () => resource('Gadget', { ...GADGET, permission: 'dataset' }),
    'Gadget.project: is required, because dataset:read is checked on a project',
  ],
  [
    'an ID prefix that another type has',
    () => resource('Gadget', { ...GADGET, id: 'cat' }),
    'Gadget: the ID prefix cat belongs to Category',
  ],
  [
    'an ID prefix of another form',
    () => resource('Gadget', { ...GADGET, id: 'gadget' }),
    'Gadget: the ID prefix gadget must be three lower-case letters',
  ],
];

const kinds = tenantTable(
  'kinds',
  {
    kind: text('kind').notNull(),
    settings: jsonb('settings').notNull(),
    note: text('note').notNull(),
  },
  () => [],
);
const KIND = { ...GADGET, table: kinds, order: [] as never, filter: {} };
const kind = readOnly(singleLine(10, 'The kind'));
const unionOf = (more: Partial<Union>) =>
  union(
    {
      ...{ name: 'GadgetSettings', by: 'kind', byDefault: 'ONE', withDefaults: (_kind, stored) => stored },
      members: { ONE: { description: 'One', attributes: { size: optionalLine(10, 'The size') } } },
      ...more,
    },
    'The settings',
  ) as never;
const withMember = (attributes: UnionMember['attributes']) => ({
  members: { ONE: { description: 'One', attributes } },
});

const WRONG_UNIONS: typeof WRONG = [
  [
    'a union in a column of text',
    () => resource('Gadget', { ...KIND, attributes: { kind, note: unionOf({}) } }),
    'Gadget.note: a union needs a column of JSON',
  ],
  [
    'a union whose kind can be given',
    () => resource('Gadget', { ...KIND, attributes: { kind: singleLine(10, 'The kind'), settings: unionOf({}) } }),
    'Gadget.settings: a union needs an attribute kind that is read-only',
  ],
  [
    'a union without its default',
    () => resource('Gadget', { ...KIND, attributes: { kind, settings: unionOf({ byDefault: 'TWO' }) } }),
    'Gadget.settings: the union has no member TWO',
  ],
  [
    'a required setting',
    () =>
      resource('Gadget', {
        ...KIND,
        attributes: { kind, settings: unionOf(withMember({ size: singleLine(10, 'The size') })) },
      }),
    'Gadget.settings.ONE.size: a member of a union can only have optional values',
  ],
  [
    'a reference in settings without a column',
    () =>
      resource('Gadget', {
        ...KIND,
        attributes: { kind, settings: unionOf(withMember({ categoryId: optionalRef(Category, 'The category') })) },
      }),
    'Gadget.categoryId: the table kinds has no such column',
  ],
];

test.each([...WRONG, ...WRONG_UNIONS])(
  'a declaration with %s does not build, and the message names resource and attribute',
  (_what, declare, message) => {
    const count = RESOURCES.length;
    expect(declare).toThrow(new Error(message));
    expect(RESOURCES).toHaveLength(count);
  },
);

test('a reference to an object of the same resource that does not exist is NOT_FOUND', () => {
  const branches = tenantTable('branches', { name: text('name').notNull(), parentId: uuid('parent_id') }, (t) => [
    index('branches_by_name').on(t.organizationId, t.name, t.id),
    index('branches_by_parent').on(t.organizationId, t.parentId),
    foreignKey({
      name: 'branches_parent',
      columns: [t.organizationId, t.parentId],
      foreignColumns: [t.organizationId, t.id],
    }),
  ]);
  describeResource('Branch', {
    ...{ table: branches, id: 'brn', permission: 'tier', description: 'For this test.' },
    attributes: { name: singleLine(10, 'The name'), parentId: optionalRef('self', 'The parent') },
  } as never);
  const violation = { severity: 'ERROR', code: '23503', constraint_name: 'branches_parent' };
  expect(domainError(Object.assign(new Error('violation'), violation))).toMatchObject({
    userErrors: [{ code: 'NOT_FOUND', path: ['parentId'], message: 'parentId: there is no branch with this ID.' }],
  });
});

test('a taken value is TAKEN, also if the column has another name than the attribute', () => {
  const parcels = tenantTable('parcels', { trackingCode: text('tracking_code').notNull() }, (t) => [
    uniqueIndex('parcels_tracking_code').on(t.organizationId, t.trackingCode),
  ]);
  describeResource('Parcel', {
    ...{ table: parcels, id: 'prc', permission: 'tier', description: 'For this test.' },
    attributes: { trackingCode: singleLine(10, 'The code', { unique: true }) },
  } as never);
  const violation = { severity: 'ERROR', code: '23505', constraint_name: 'parcels_tracking_code' };
  expect(domainError(Object.assign(new Error('violation'), violation))).toMatchObject({
    userErrors: [{ code: 'TAKEN', path: ['trackingCode'] }],
  });
});
