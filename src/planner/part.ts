import { type GraphQLObjectType, getNamedType, getNullableType, isListType } from 'graphql';
import type { FieldPlan } from '../executor/model.ts';
import type { PartSource } from '../graphql/source.ts';
import { type ObjectWriter, startsByParent } from './connection.ts';
import { leafWriter } from './leaf.ts';
import { NotPlanned, type RowSet, type StatementDraft, type Write } from './model.ts';
import { addRows, cellOf } from './row-set.ts';

/** The items of each row of the parent, such as the tags of a service, as a list of objects or of texts. */
export function partWriter(
  draft: StatementDraft,
  parent: RowSet,
  source: PartSource,
  field: FieldPlan,
  objectWriter: ObjectWriter,
): Write {
  const rows = addRows(draft, source.rows, { kind: 'nested list', parent }, null);
  const write = source.column ? textWriter(rows, source, field) : objectsWriter(draft, rows, field, objectWriter);
  draft.bind.push((run) => {
    run.lists[rows.index] = { args: { first: source.max }, size: source.max, options: source.options(run.ctx) };
  });
  draft.writeRelated[rows.index] = (run) => {
    const cells = run.cells[rows.index] as readonly string[];
    return new Map(
      [...startsByParent(run, rows)].map(([id, starts]) => [
        id,
        `[${starts.map((at) => write(run, cells, at)).join(',')}]`,
      ]),
    );
  };
  return (run, cells, at) => run.related[rows.index]?.get(cells[at] as string) ?? '[]';
}

function textWriter(rows: RowSet, { column }: PartSource, { type }: FieldPlan): Write {
  const list = getNullableType(type);
  if (!isListType(list) || !column) throw new NotPlanned('a list of texts is not a column');
  const { form, json } = leafWriter(list.ofType, column);
  const cell = cellOf(rows, column, form);
  return (_run, cells, at) => json(cells[at + cell] as string);
}

function objectsWriter(draft: StatementDraft, rows: RowSet, field: FieldPlan, objectWriter: ObjectWriter): Write {
  const type = getNamedType(field.type) as GraphQLObjectType;
  return objectWriter(draft, rows, type, field.selectionOn(type));
}
