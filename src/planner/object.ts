import { getTableColumns } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { type GraphQLField, type GraphQLObjectType, getNamedType, isNonNullType } from 'graphql';
import type { Target } from '../access/access.ts';
import type { Permission } from '../access/catalog.ts';
import { serviceOf } from '../access/ownership.ts';
import type { FieldPlan, Selection } from '../executor/model.ts';
import { type ComputedSource, type PermissionsSource, sourceOfField } from '../graphql/source.ts';
import { toPublicId } from '../lib/ids.ts';
import { getOrAdd } from '../lib/maps.ts';
import { nestedConnection } from './connection.ts';
import { requireField, requireType } from './guard.ts';
import { decoderOf, leafWriter } from './leaf.ts';
import { NotPlanned, type RowSet, type StatementDraft, type Write } from './model.ts';
import { partWriter } from './part.ts';
import { addRowSet, cellOf, definitionOf, fieldsWriter, storedType } from './row-set.ts';

/** Returns a function that writes an object of the type from a row. */
export function objectWriter(
  draft: StatementDraft,
  rows: RowSet,
  type: GraphQLObjectType,
  selection: Selection,
): Write {
  requireType(draft, type, rows.source);
  return fieldsWriter(selection, (field) => fieldWriter(draft, rows, type, field));
}

function fieldWriter(draft: StatementDraft, rows: RowSet, type: GraphQLObjectType, field: FieldPlan): Write {
  const definition = definitionOf(type, field);
  const onObject = requireField(draft, type, definition);
  const write = writerOf(draft, rows, type, field, definition);
  return onObject ? ifAllowed(rows, onObject, write) : write;
}

/** Checks the permission of a field on the project or service of the row. A refusal is an error, which resolvers report. */
function ifAllowed(rows: RowSet, permission: Permission, write: Write): Write {
  const [cell, scopeIn] = scopeCell(rows);
  return (run, cells, at) => {
    const scope = scopeIn(cells[at + cell] as string);
    if (!run.ctx.unit.access.can(permission, scope)) throw new NotPlanned('a field is refused');
    return write(run, cells, at);
  };
}

/** The position of the column that permissions on the object depend on, and the scope that its value stands for. */
function scopeCell(rows: RowSet): [cell: number, scopeIn: (value: string) => Target] {
  const { project, owner } = rows.source;
  if (project) return [cellOf(rows, project, 'text'), (value) => value];
  if (!owner) throw new NotPlanned('the scope of the object is not a column');
  return [cellOf(rows, owner, 'text'), (value) => serviceOf(value || null)];
}

function writerOf(
  draft: StatementDraft,
  rows: RowSet,
  type: GraphQLObjectType,
  field: FieldPlan,
  definition: GraphQLField<unknown, unknown>,
): Write {
  const source = sourceOfField(definition);
  if (!source) return columnWriter(rows, type, field, definition);
  switch (source.kind) {
    case 'computed':
      return computedWriter(rows, source, definition);
    case 'reference':
      return referenceWriter(draft, rows, source.by, field);
    case 'permissions':
      return permissionsWriter(rows, source);
    case 'part':
      return partWriter(draft, rows, source, field, objectWriter);
    case 'nested list':
      return nestedConnection(draft, rows, source, field, objectWriter);
    default:
      throw new NotPlanned(`${type.name}.${field.name} is not read from its parent`);
  }
}

function columnWriter(
  rows: RowSet,
  type: GraphQLObjectType,
  field: FieldPlan,
  { extensions, type: output }: GraphQLField<unknown, unknown>,
): Write {
  const { source } = rows;
  if (field.name === 'id') return (_run, cells, at) => `"${toPublicId(source.prefix, cells[at] as string)}"`;
  const exposed = extensions['pothosExposedField'];
  const column = typeof exposed === 'string' ? getTableColumns(source.table)[exposed] : undefined;
  if (!column) throw new NotPlanned(`${type.name}.${field.name} has a resolver of its own`);
  const { form, json } = leafWriter(output, column as PgColumn);
  const cell = cellOf(rows, column as PgColumn, form);
  return (_run, cells, at) => json(cells[at + cell] as string);
}

function computedWriter(
  rows: RowSet,
  { columns, value }: ComputedSource,
  { type }: GraphQLField<unknown, unknown>,
): Write {
  const known = getTableColumns(rows.source.table) as Record<string, PgColumn>;
  const read = columns.map((name) => {
    const { form, decode } = decoderOf(known[name] as PgColumn);
    return { name, decode, cell: cellOf(rows, known[name] as PgColumn, form) };
  });
  const isRequired = isNonNullType(type);
  return ({ time }, cells, at) => {
    const row: Record<string, unknown> = {};
    for (const { name, decode, cell } of read) row[name] = decode(cells[at + cell] as string);
    const result = value(row as never, time);
    if (result == null && isRequired) throw new NotPlanned('a required value is missing');
    return JSON.stringify(result ?? null);
  };
}

function referenceWriter(draft: StatementDraft, parent: RowSet, by: PgColumn, field: FieldPlan): Write {
  if (!field.nullable) throw new NotPlanned('a required object cannot be hidden');
  const target = storedType(getNamedType(field.type));
  const cell = cellOf(parent, by, 'text');
  const rows = addRowSet(draft, target, { kind: 'reference', parent, by });
  const write = objectWriter(draft, rows, target.type, field.selectionOn(target.type));
  draft.writeRelated[rows.index] = (run) => {
    const texts = new Map<string, string>();
    const cells = run.cells[rows.index] as readonly string[];
    for (let at = 0; at < cells.length; at += rows.cells.length) texts.set(cells[at] as string, write(run, cells, at));
    return texts;
  };
  return ({ related }, cells, at) => related[rows.index]?.get(cells[at + cell] as string) ?? 'null';
}

/** The permissions are the same in each row of a project, of a team, or of the organization. */
function permissionsWriter(rows: RowSet, { of }: PermissionsSource): Write {
  const scoped = rows.source.project || rows.source.owner ? scopeCell(rows) : null;
  const key = {};
  return (run, cells, at) => {
    const value = scoped && (cells[at + scoped[0]] as string);
    const known = getOrAdd(run.shared, key, () => new Map<string | null, string>());
    return getOrAdd(known, value, () =>
      JSON.stringify(of(run.ctx, scoped && value !== null ? scoped[1](value) : null)),
    );
  };
}
