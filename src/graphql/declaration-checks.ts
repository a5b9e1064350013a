import { getTableColumns, getTableName } from 'drizzle-orm';
import { getTableConfig, type PgColumn } from 'drizzle-orm/pg-core';
import { PERMISSIONS, type Permission } from '../access/catalog.ts';
import { SERVICE_PERMISSIONS } from '../access/ownership.ts';
import type { TenantTable } from '../data/rows.ts';
import type { Attribute, ReferenceOptions, Union } from './attributes.ts';
import type { Declaration, NodeDeclaration } from './declaration.ts';
import type { Part } from './parts.ts';

/** Reports a problem, with the name of the attribute or option. */
type Check = (condition: unknown, at: string, problem: string) => asserts condition;

/** Throws, with the name of the resource and the attribute, if a declaration does not fit its table or the catalog. */
export function assertValid(
  name: string,
  declaration: NodeDeclaration<TenantTable> & Partial<Pick<Declaration<TenantTable>, 'order' | 'filter' | 'bulk'>>,
): void {
  const check: Check = (condition, at, problem) => {
    if (!condition) throw new Error(`${[name, at].filter(Boolean).join('.')}: ${problem}`);
  };
  const tableInfo = infoOf(declaration.table);
  assertProject(check, declaration, tableInfo);
  for (const [key, attribute] of Object.entries(declaration.attributes) as [string, Attribute][])
    assertAttribute(check, declaration, tableInfo, key, attribute);
  for (const [key, part] of Object.entries(declaration.parts ?? {}))
    assertPart(check, declaration, columnsOf(declaration.table), key, part);
  assertBulk(check, declaration);
  assertOrder(check, declaration, tableInfo);
  assertFilter(check, declaration, tableInfo);
}

interface TableInfo {
  name: string;
  columns: Record<string, PgColumn>;
  uniqueNames: Set<string>;
  /** The columns of each unique key. */
  uniqueKeys: Set<string>;
  foreignKeys: ReturnType<typeof getTableConfig>['foreignKeys'];
  /** Whether an index, or a unique or primary key, begins with these columns. */
  hasIndex(columns: (PgColumn | undefined)[]): boolean;
}

function infoOf(table: TenantTable): TableInfo {
  const { indexes, uniqueConstraints, primaryKeys, foreignKeys } = getTableConfig(table);
  const keys = [
    ...indexes.map(({ config }) => config.columns.map((column) => ('name' in column ? column.name : ''))),
    ...[...uniqueConstraints, ...primaryKeys].map(({ columns }) => columns.map((column) => column.name)),
  ];
  return {
    name: getTableName(table),
    columns: getTableColumns(table),
    uniqueNames: new Set([
      ...indexes.flatMap(({ config }) => (config.unique ? [config.name] : [])),
      ...uniqueConstraints.map(({ name }) => name),
    ] as string[]),
    uniqueKeys: new Set(uniqueConstraints.map(({ columns }) => columns.map(({ name }) => name).join(', '))),
    foreignKeys,
    hasIndex: (columns) => keys.some((names) => columns.every((column, at) => names[at] === column?.name)),
  };
}

const namesOf = (columns: (PgColumn | undefined)[]): string => columns.map((column) => column?.name).join(', ');

function assertProject(
  check: Check,
  { permission, project, ownedBy }: NodeDeclaration<TenantTable>,
  { name, columns }: TableInfo,
): void {
  const isProjectLevel = PERMISSIONS.get(`${permission}:read`)?.level === 'project';
  check(!isProjectLevel || project, 'project', `is required, because ${permission}:read is checked on a project`);
  check(
    isProjectLevel || !project,
    'project',
    `is not allowed, because ${permission}:read is checked on the organization`,
  );
  check(
    !ownedBy || SERVICE_PERMISSIONS.includes(`${permission}:read` as Permission),
    'ownedBy',
    `is not allowed, because ${permission}:read is not checked on services`,
  );
  check(
    !project || project === 'self' || columns['projectId']?.notNull,
    'project',
    `the table ${name} needs a column projectId that cannot be null`,
  );
}

function assertAttribute(
  check: Check,
  declaration: NodeDeclaration<TenantTable>,
  tableInfo: TableInfo,
  key: string,
  { nullable, unique, isDenseIndex, reference, union }: Omit<Attribute, 'column'>,
): void {
  const { table, project } = declaration;
  const { name, columns, uniqueNames, hasIndex, foreignKeys } = tableInfo;
  const column = columns[key];
  check(column, key, `the table ${name} has no such column`);
  const not = (isNullable: boolean): string => (isNullable ? 'can' : 'cannot');
  const problem = `the attribute ${not(nullable)} be null, but the column ${not(!column.notNull)}`;
  check(column.notNull !== nullable, key, problem);
  check(key !== 'alias' || !project, key, 'a resource of a project cannot have an alias');
  const constraint = `${name}_${column.name}`;
  check(!unique || uniqueNames.has(constraint), key, `the table ${name} needs the unique index ${constraint}`);
  if (isDenseIndex) {
    check(key === 'index', key, 'a dense index must be named `index`');
    check(uniqueNames.has(constraint), key, `the table ${name} needs the unique constraint ${constraint}`);
    check(!project, key, 'a resource of a project cannot have a dense index');
  }
  if (union) assertUnion(check, declaration, tableInfo, key, union);
  if (!reference) return;
  check(key.endsWith('Id'), key, 'the name of a reference must end with `Id`');
  check(
    isForeignKey(foreignKeys, constraintOf(name, key), column, tableOf(reference, table)),
    key,
    `the table ${name} needs the foreign key ${constraintOf(name, key)} from organization_id, ${column.name} to ${getTableName(tableOf(reference, table))}`,
  );
  const wanted = [table.organizationId, column];
  check(hasIndex(wanted), key, `the table ${name} needs an index that begins with ${namesOf(wanted)}`);
}

/** The members of a union are JSON in its column, except for references, which are columns. */
function assertUnion(
  check: Check,
  declaration: NodeDeclaration<TenantTable>,
  tableInfo: TableInfo,
  key: string,
  { by, members, byDefault }: Union,
): void {
  const attributes = declaration.attributes as Record<string, Attribute | undefined>;
  check(tableInfo.columns[key]?.dataType === 'json', key, 'a union needs a column of JSON');
  check(attributes[by]?.readOnly, key, `a union needs an attribute ${by} that is read-only`);
  check(members[byDefault], key, `the union has no member ${byDefault}`);
  const known = new Set<string>();
  for (const [value, member] of Object.entries(members))
    for (const [name, attribute] of Object.entries(member.attributes)) {
      const at = `${key}.${value}.${name}`;
      check(
        !attribute.required && !attribute.union && !attribute.isList,
        at,
        'a member of a union can only have optional values',
      );
      check(name !== by, at, `the name ${by} is that of the attribute that selects the member`);
      if (!attribute.reference) continue;
      check(!known.has(name) && !attributes[name], at, 'the column of a reference can belong to one member only');
      known.add(name);
      assertAttribute(check, declaration, tableInfo, name, attribute);
    }
}

const columnsOf = (table: TenantTable): Set<string> => new Set(Object.keys(getTableColumns(table)));

/** The child table must have a unique key of the object and what identifies an item, and delete items with their object. */
function assertPart(
  check: Check,
  { table, attributes, project }: NodeDeclaration<TenantTable>,
  own: ReadonlySet<string>,
  key: string,
  { table: child, of, columns, key: identifying, max, type, isAlias }: Part,
): void {
  const { name, columns: known, uniqueKeys, foreignKeys, uniqueNames } = infoOf(child);
  check(!own.has(key) && !(key in attributes), key, `the table ${getTableName(table)} has a column of this name`);
  check(!project, key, 'a resource of a project cannot have items in child tables');
  check(max > 0 && max <= MAX_ITEMS, key, `the maximum must be from 1 to ${MAX_ITEMS}`);
  const object = known[of];
  check(object?.notNull, key, `the table ${name} needs a column ${of} that cannot be null`);
  const toObject = constraintOf(name, of);
  check(
    foreignKeys.some((one) => one.getName() === toObject && one.onDelete === 'cascade') &&
      isForeignKey(foreignKeys, toObject, object, table),
    key,
    `the table ${name} needs the foreign key ${toObject} to ${getTableName(table)} with ON DELETE CASCADE`,
  );
  check(type !== null || Object.keys(columns).length === 1, key, 'an item without a type has one column');
  for (const [column, { nullable, reference }] of Object.entries(columns)) {
    check(known[column], `${key}.${column}`, `the table ${name} has no such column`);
    check(
      known[column].notNull !== nullable,
      `${key}.${column}`,
      'the column and its attribute differ in being nullable',
    );
    const target = reference && tableOf(reference, table);
    check(
      !target || isForeignKey(foreignKeys, constraintOf(name, column), known[column], target),
      `${key}.${column}`,
      `the table ${name} needs the foreign key ${constraintOf(name, column)}`,
    );
  }
  const wanted = namesOf([child.organizationId, object, ...identifying.map((column) => known[column])]);
  check(isAlias || uniqueKeys.has(wanted), key, `the table ${name} needs a unique key of ${wanted}`);
  check(!isAlias || uniqueNames.has(`${name}_alias`), key, `the table ${name} needs the unique index ${name}_alias`);
  check(!isAlias || own.has('name'), key, 'a resource with aliases needs a name');
}

/** Maximum number of items of one object. All of them are read at once. */
const MAX_ITEMS = 500;

function assertBulk(
  check: Check,
  { bulk = [], project, attributes }: NodeDeclaration<TenantTable> & Partial<Pick<Declaration<TenantTable>, 'bulk'>>,
): void {
  check(bulk.length === 0 || !project, 'bulk', 'a resource of a project has no mutations for several objects');
  const hasDenseIndex = Object.values(attributes).some((one) => (one as Attribute).isDenseIndex);
  check(
    bulk.length === 0 || !hasDenseIndex,
    'bulk',
    'a resource with a dense index has no mutations for several objects',
  );
}

const tableOf = ({ target }: ReferenceOptions, own: TenantTable): TenantTable =>
  target === 'self' ? own : target.table;

function isForeignKey(
  foreignKeys: TableInfo['foreignKeys'],
  constraint: string,
  column: PgColumn,
  table: TenantTable,
): boolean {
  const found = foreignKeys.find((one) => one.getName() === constraint)?.reference();
  return found?.foreignTable === table && namesOf(found.columns) === `organization_id, ${column.name}`;
}

type Order = Pick<NodeDeclaration<TenantTable>, 'table' | 'project'> & { order?: readonly string[] };

function assertOrder(
  check: Check,
  { table, order = [], project }: Order,
  { name, columns, hasIndex }: TableInfo,
): void {
  for (const key of order) {
    const column = columns[key];
    check(column, 'order', `the table ${name} has no column ${key}`);
    if (key === 'createdAt') continue;
    for (const wanted of [
      [table.organizationId, column],
      [table.organizationId, ...(project ? [columns['projectId']] : []), column],
    ])
      check(hasIndex(wanted), 'order', `the table ${name} needs an index that begins with ${namesOf(wanted)}`);
  }
}

function assertFilter(
  check: Check,
  { filter = {}, attributes }: NodeDeclaration<TenantTable> & Pick<Partial<Declaration<TenantTable>>, 'filter'>,
  { name, columns }: TableInfo,
): void {
  for (const [key, kind] of Object.entries(filter) as [string, unknown][]) {
    const attribute = (attributes as Record<string, Attribute | undefined>)[key];
    check(
      kind !== 'null by default' || (attribute?.reference && attribute.nullable),
      `filter.${key}`,
      'only a reference that can be null is null by default',
    );
    for (const column of key === 'search' ? (kind as string[]) : [key]) {
      check(columns[column], `filter.${key}`, `the table ${name} has no column ${column}`);
      check(
        key !== 'search' || columns[column].dataType === 'string',
        'filter.search',
        `${column} is not a text column`,
      );
      check(kind !== 'range' || columns[column].dataType === 'date', `filter.${key}`, 'a range needs a column of time');
    }
  }
}

/** The name of the foreign key of a reference: `checks_category` for `categoryId`. */
export const constraintOf = (tableName: string, key: string): string =>
  `${tableName}_${key.slice(0, -2).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
