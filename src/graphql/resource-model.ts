import { getTableName } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { z } from 'zod';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { batched, type Find, loaderByColumn } from '../data/loader.ts';
import { objectsWith, type PartRows, partRowsOf } from '../data/parts.ts';
import { rowsOf, type TenantTable } from '../data/rows.ts';
import { canOnService } from '../data/service-scope.ts';
import { explainViolation } from '../db/constraints.ts';
import { userError } from '../lib/errors.ts';
import { declareIdPrefix } from '../lib/ids.ts';
import { lazily } from '../lib/lazy.ts';
import { andThen, type MaybePromise } from '../lib/maybe-promise.ts';
import { isStorable } from '../lib/storable.ts';
import { capitalized, fieldOf, fieldOfConstant, nounOf } from '../lib/words.ts';
import type { Attribute, ReferenceOptions } from './attributes.ts';
import { builder } from './builder.ts';
import type { Declaration, NodeDeclaration } from './declaration.ts';
import { assertValid, constraintOf } from './declaration-checks.ts';
import type { Part } from './parts.ts';
import { type AliasTable, inputNameOf, type Target } from './target.ts';

/** A declared node type with everything that its fields, lists and mutations need. */
export interface DeclaredNode<RowType extends { id: string } = AnyRow> extends Target<RowType> {
  readonly declaration: NodeDeclaration<TenantTable>;
  readonly attributes: readonly [key: string, attribute: Attribute][];
  /** The attributes that refer to other objects, with those of the members of unions. */
  readonly references: readonly DeclaredReference[];
  readonly parts: readonly DeclaredPart[];
  /** The name of the field for one object, and the words for it. */
  readonly field: string;
  readonly noun: string;
  readonly rows: ReturnType<typeof rowsOf<TenantTable>>;
  permissionTo(action: 'create' | 'update' | 'delete'): Permission;
  /** The schemas of the inputs for the attributes. Zod compiles a schema when it is first used. */
  readonly inputSchemas: Readonly<Record<When, () => z.ZodType<Record<string, unknown>>>>;
}

export interface DeclaredReference extends ReferenceOptions {
  readonly key: string;
  /** The path of the input field that contains the reference. Empty for a field of the input itself. */
  readonly path: readonly string[];
}

/** Items in a child table, with the name of their field. */
export interface DeclaredPart extends Part {
  readonly name: string;
  readonly rows: PartRows;
}

export type When = 'create' | 'update';

/** The attributes that an input of a mutation can set. */
export const attributesOf = ({ attributes }: Pick<DeclaredNode, 'attributes'>, when: When) =>
  attributes.filter(([, { fixed, readOnly }]) => !readOnly && (when === 'create' || !fixed));

/** A declared resource. */
export interface Resource<RowType extends { id: string } = AnyRow> extends DeclaredNode<RowType> {
  readonly declaration: AnyDeclaration;
}

export type AnyRow = Record<string, unknown> & { id: string };
export type AnyDeclaration = Declaration<TenantTable>;

export const columnOf = ({ table }: Target, key: string): PgColumn => columnNamed(table, key);

const columnNamed = (table: TenantTable, key: string): PgColumn =>
  (table as unknown as Record<string, PgColumn>)[key] as PgColumn;

export function describe(name: string, declaration: NodeDeclaration<TenantTable>): DeclaredNode {
  assertValid(name, declaration);
  const { table, id: prefix, permission, project, ownedBy, ofService } = declaration;
  declareIdPrefix(prefix, name);
  const attributes = Object.entries(declaration.attributes) as [string, Attribute][];
  const references = referencesIn(attributes);
  const prefixes = references.map(({ key, target }) => [key, target === 'self' ? prefix : target.prefix] as const);
  const rows = rowsOf(table, prefix, Object.fromEntries(prefixes));
  const hasAlias = attributes.some(([key]) => key === 'alias');
  const parts = Object.entries(declaration.parts ?? {}).map(([partName, part]) => ({
    ...part,
    name: partName,
    rows: partRowsOf(part.table, part.of, part.key),
  }));
  const aliases = aliasesIn(parts);
  const projectColumn = project && columnNamed(table, project === 'self' ? 'id' : 'projectId');
  const declared: DeclaredNode = {
    name,
    declaration,
    attributes,
    references,
    parts,
    type: builder.objectRef<AnyRow>(name),
    prefix,
    table,
    permission: `${permission}:read`,
    permissionTo: (action) => `${permission}:${action}` as Permission,
    field: fieldOf(name),
    noun: nounOf(name),
    project: projectColumn ?? null,
    projectOf: (row) => (project === 'self' ? row.id : project ? (row['projectId'] as string) : null),
    owner: ownedBy ? columnNamed(table, ownedBy) : null,
    ownerOf: (row) => (ownedBy ? ((row as Record<string, unknown>)[ownedBy] as string | null) : null),
    service: ofService ? columnNamed(table, ofService) : null,
    isWholeTable: true,
    rows,
    inputSchemas: {
      create: lazily(() => inputSchema(declared, 'create')),
      update: lazily(() => inputSchema(declared, 'update')),
    },
    load: (ctx, id) => andThen(rows.find(ctx, id) as MaybePromise<AnyRow | null>, (row) => onVisibleService(ctx, row)),
    loadByAlias: aliases
      ? loaderByAlias(aliases, (ctx, id) => rows.find(ctx, id) as MaybePromise<AnyRow | null>)
      : hasAlias
        ? loaderByColumn(rows.reader, columnNamed(table, 'alias'))
        : null,
    ...(aliases && { aliases }),
  };
  explainViolations(declared);
  return declared;

  /** The object, if it belongs to no service or to one on which the caller has the permission. */
  function onVisibleService(ctx: Context, row: AnyRow | null): MaybePromise<AnyRow | null> {
    if (!row || !ofService) return row;
    const isVisible = canOnService(ctx, row[ofService] as string, declared.permission);
    return andThen(isVisible, (can) => (can ? row : null));
  }
}

const referencesIn = (
  attributes: readonly [key: string, attribute: Omit<Attribute, 'column'>][],
  path: readonly string[] = [],
): DeclaredReference[] =>
  attributes.flatMap(([key, { reference, union }]) => [
    ...(reference ? [{ ...reference, key, path }] : []),
    ...Object.entries(union?.members ?? {}).flatMap(([value, member]) =>
      referencesIn(Object.entries(member.attributes), [...path, key, fieldOfConstant(value)]),
    ),
  ]);

function aliasesIn(parts: readonly DeclaredPart[]): AliasTable | undefined {
  const part = parts.find(({ isAlias }) => isAlias);
  return part && { rows: part.rows, column: columnNamed(part.table, 'alias') };
}

/** Loads objects by an alias in a child table: one statement for the aliases of a response, and one for their objects. */
function loaderByAlias(
  { rows, column }: AliasTable,
  load: (ctx: Context, id: string) => MaybePromise<AnyRow | null>,
): Find<AnyRow> {
  return batched<AnyRow>(async (ctx, aliases) => {
    const ids = await objectsWith(ctx, rows, column, aliases.filter(isStorable));
    const found = await Promise.all([...ids].map(async ([alias, id]) => [alias, await load(ctx, id)] as const));
    return new Map(found.flatMap(([alias, row]) => (row ? [[alias, row] as const] : [])));
  });
}

function inputSchema(declared: DeclaredNode, when: When): z.ZodType<Record<string, unknown>> {
  const schemas = attributesOf(declared, when).map(([key, attribute]) => [
    inputName(declared, key, attribute),
    attribute[when],
  ]);
  return z.object(Object.fromEntries([...schemas, ...declared.parts.flatMap((part) => partSchemas(part, when))]));
}

/** `tags` of the create mutation, `addTags` and `removeTags` of the update mutation. */
export const partInputs = ({ name }: DeclaredPart, when: When): { add: string; remove: string | null } =>
  when === 'create'
    ? { add: name, remove: null }
    : { add: `add${capitalized(name)}`, remove: `remove${capitalized(name)}` };

function partSchemas(part: DeclaredPart, when: When): [string, z.ZodType][] {
  const { add, remove } = partInputs(part, when);
  const [column] = Object.values(part.columns) as [Attribute];
  const list = (item: z.ZodType): z.ZodType => z.array(item).max(part.max).nullish();
  return [
    [add, list(part.type?.schema ?? column.create)],
    // An item that no object can have is missing in any case, so the keys are not checked.
    ...(remove ? [[remove, z.array(z.unknown()).max(part.max).nullish()] as [string, z.ZodType]] : []),
  ];
}

/** The errors for violated unique indexes and foreign keys, which exist as `assertValid` has checked. */
function explainViolations(declared: DeclaredNode): void {
  const { table, attributes, references, noun, project } = declared;
  const where = project ? ' in this project' : '';
  const tableName = getTableName(table);
  for (const [key, { unique, uniqueIn }] of attributes)
    if (unique)
      explainViolation(
        `${tableName}_${columnNamed(table, key).name}`,
        userError('TAKEN', key, `Another ${noun}${uniqueIn ? ` in ${uniqueIn}` : where} has this ${nounOf(key)}.`),
      );
  for (const { key, path: above, ...reference } of references) {
    const target = targetOf(declared, reference.target);
    const path = [...above, inputNameOf(key, target)];
    const message = `${path.join('.')}: there is no ${nounOf(target.name)} with this ID.`;
    explainViolation(constraintOf(tableName, key), userError('NOT_FOUND', path, message));
  }
  for (const part of declared.parts) explainPartViolations(declared, part);
}

/** Another request has taken the alias, or deleted the referenced object, after it was checked. */
function explainPartViolations(declared: DeclaredNode, { name, table, columns, isAlias }: DeclaredPart): void {
  const tableName = getTableName(table);
  if (isAlias)
    explainViolation(
      `${tableName}_alias`,
      userError('TAKEN', name, `Another ${declared.noun} has one of these aliases.`),
    );
  for (const [key, { reference }] of Object.entries(columns)) {
    if (!reference) continue;
    const noun = nounOf(targetOf(declared, reference.target).name);
    explainViolation(
      constraintOf(tableName, key),
      userError('NOT_FOUND', name, `${name}: one ${noun} no longer exists.`),
    );
  }
}

/** The name of the input field of an attribute. */
export const inputName = (declared: DeclaredNode, key: string, { reference }: Attribute): string =>
  reference ? inputNameOf(key, targetOf(declared, reference.target)) : key;

export const targetOf = (declared: DeclaredNode, target: Target | 'self'): Target =>
  target === 'self' ? (declared as unknown as Target) : target;
