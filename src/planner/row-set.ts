import type { PgColumn } from 'drizzle-orm/pg-core';
import { type GraphQLField, type GraphQLNamedType, type GraphQLObjectType, isObjectType } from 'graphql';
import type { FieldPlan, Selection } from '../executor/model.ts';
import { sourceOfType, type TypeSource } from '../graphql/source.ts';
import { visibilityOf } from './guard.ts';
import { type Cell, NotPlanned, type Origin, type RowSet, type StatementDraft, type Write } from './model.ts';

/** Maximum number of row sets in a statement. The time that PostgreSQL needs to plan a statement grows with it. */
const MAX_ROW_SETS = 12;

/** A type with the table of its objects. */
export interface StoredType {
  readonly type: GraphQLObjectType;
  readonly source: TypeSource;
}

export function storedType(type: GraphQLNamedType): StoredType {
  const source = isObjectType(type) ? sourceOfType(type) : undefined;
  if (!isObjectType(type) || !source) throw new NotPlanned(`${type.name} is not read from a table`);
  return { type, source };
}

export const addRowSet = (draft: StatementDraft, { type, source }: StoredType, origin: Origin): RowSet =>
  addRows(draft, source, origin, visibilityOf(type));

/** Adds rows of a table. `visibleWith` is the permission on the project of each row. */
export function addRows(
  draft: StatementDraft,
  source: TypeSource,
  origin: Origin,
  visibleWith: RowSet['visibleWith'],
): RowSet {
  if (draft.rowSets.length === MAX_ROW_SETS)
    throw new NotPlanned(`the field reads objects at more than ${MAX_ROW_SETS} positions`);
  const rows: RowSet = {
    index: draft.rowSets.length,
    source,
    origin,
    cells: [],
    hasCursors: false,
    hasCount: false,
    hasNeighbours: false,
    visibleWith,
  };
  draft.rowSets.push(rows);
  // The first cell identifies the row.
  cellOf(rows, source.id, 'text');
  return rows;
}

/** The position of the column among the cells of a row. */
export function cellOf({ cells }: RowSet, column: PgColumn, form: Cell['form']): number {
  const known = cells.findIndex((cell) => cell.column === column && cell.form === form);
  return known >= 0 ? known : cells.push({ column, form }) - 1;
}

/** Returns a function that writes the selected fields in their order. `writerOf` returns the writer of a field. */
export function fieldsWriter({ fields, template }: Selection, writerOf: (field: FieldPlan) => Write): Write {
  const planned = new Map(fields.map((field) => [field.key, field]));
  const pieces: { before: string; write: Write }[] = [];
  let before = '{';
  for (const [key, constant] of Object.entries(template)) {
    const field = planned.get(key);
    before += `${before.length > 1 || pieces.length > 0 ? ',' : ''}${JSON.stringify(key)}:`;
    if (!field) {
      before += JSON.stringify(constant);
      continue;
    }
    pieces.push({ before, write: writerOf(field) });
    before = '';
  }
  const end = `${before}}`;
  return (run, cells, at) => {
    let text = '';
    for (const piece of pieces) text += piece.before + piece.write(run, cells, at);
    return text + end;
  };
}

export const definitionOf = (type: GraphQLObjectType, { name }: FieldPlan): GraphQLField<unknown, unknown> => {
  const field = type.getFields()[name];
  if (!field) throw new NotPlanned(`${name} is introspection`);
  return field;
};
