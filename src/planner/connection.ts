import { type GraphQLObjectType, getNamedType, isObjectType } from 'graphql';
import { encodeCursor, listKey, type SortValue } from '../db/cursor.ts';
import { isBackward, neighbours, type PageArgs, sizeOf } from '../db/page.ts';
import type { FieldPlan, Selection } from '../executor/model.ts';
import type { NestedListSource } from '../graphql/source.ts';
import { lazily } from '../lib/lazy.ts';
import { checkArguments, requireOpen } from './guard.ts';
import { decoderOf } from './leaf.ts';
import {
  type ListRun,
  NotPlanned,
  type Page,
  type ReadRun,
  type RowSet,
  type StatementDraft,
  type Write,
} from './model.ts';
import { addRowSet, definitionOf, fieldsWriter, type StoredType, storedType } from './row-set.ts';

type WritePage = (run: ReadRun, cells: readonly string[], page: Page) => string;

/** Returns the function that writes the items of a list. */
export type ObjectWriter = (
  draft: StatementDraft,
  rows: RowSet,
  type: GraphQLObjectType,
  selection: Selection,
) => Write;

/** The connection type of a list, and the type of its items. */
function typesOf(field: FieldPlan): { type: GraphQLObjectType; item: StoredType } {
  const type = getNamedType(field.type);
  const nodes = isObjectType(type) ? type.getFields()['nodes'] : undefined;
  if (!isObjectType(type) || !nodes) throw new NotPlanned(`${type.name} is not a connection`);
  requireOpen(type);
  return { type, item: storedType(getNamedType(nodes.type)) };
}

/** The rows of a list and the function that writes a page of it. */
export function connection(
  draft: StatementDraft,
  field: FieldPlan,
  parent: RowSet | null,
  objectWriter: ObjectWriter,
): { rows: RowSet; write: WritePage } {
  const { type, item } = typesOf(field);
  const rows = addRowSet(draft, item, parent ? { kind: 'nested list', parent } : { kind: 'list' });
  const itemWriter = (selected: FieldPlan): Write =>
    objectWriter(draft, rows, item.type, selected.selectionOn(item.type));
  const write = fieldsWriter(field.selectionOn(type), (selected) => connectionField(rows, selected, itemWriter));
  return {
    rows,
    write: (run, cells, page) => {
      run.pages[rows.index] = page;
      return write(run, cells, 0);
    },
  };
}

const pageIn = ({ pages }: ReadRun, { index }: RowSet): Page => pages[index] as Page;

function connectionField(rows: RowSet, field: FieldPlan, itemWriter: (field: FieldPlan) => Write): Write {
  switch (field.name) {
    case 'nodes':
      return listOf(rows, itemWriter(field));
    case 'edges':
      return listOf(rows, edgeWriter(rows, field, itemWriter));
    case 'pageInfo':
      return pageInfoWriter(rows, field);
    case 'totalCount':
      rows.hasCount = true;
      return (run) => pageIn(run, rows).count ?? '0';
    default:
      throw new NotPlanned(`${field.parentType.name}.${field.name} has a resolver of its own`);
  }
}

const listOf =
  (rows: RowSet, write: Write): Write =>
  (run, cells) => {
    let text = '[';
    for (const at of pageIn(run, rows).starts) text += (text.length > 1 ? ',' : '') + write(run, cells, at);
    return `${text}]`;
  };

function edgeWriter(rows: RowSet, field: FieldPlan, itemWriter: (field: FieldPlan) => Write): Write {
  const type = getNamedType(field.type) as GraphQLObjectType;
  requireOpen(type);
  return fieldsWriter(field.selectionOn(type), (selected) => {
    if (selected.name === 'node') return itemWriter(selected);
    if (selected.name !== 'cursor') throw new NotPlanned(`${type.name}.${selected.name} has a resolver of its own`);
    rows.hasCursors = true;
    return (run, _cells, at) => `"${pageIn(run, rows).cursorAt(at)}"`;
  });
}

function pageInfoWriter(rows: RowSet, field: FieldPlan): Write {
  const type = getNamedType(field.type) as GraphQLObjectType;
  requireOpen(type);
  return fieldsWriter(field.selectionOn(type), ({ name }) => {
    if (name === 'hasNextPage' || name === 'hasPreviousPage') {
      rows.hasNeighbours = true;
      return (run) => {
        const { args, hasMore } = pageIn(run, rows);
        return String(neighbours(args, hasMore)[name]);
      };
    }
    rows.hasCursors = true;
    return (run) => {
      const { starts, cursorAt } = pageIn(run, rows);
      const at = name === 'startCursor' ? starts[0] : starts.at(-1);
      return at === undefined ? 'null' : `"${cursorAt(at)}"`;
    };
  });
}

/** The number of cells of a row: its own, the sort keys, and the ID of its parent. */
const widthOf = ({ cells, hasCursors, origin }: RowSet, { options }: ListRun): number =>
  cells.length + (hasCursors ? options.order.length : 0) + (origin.kind === 'nested list' ? 1 : 0);

/** Where the rows of a list begin among its cells. */
export function startsOf(run: ReadRun, rows: RowSet): number[] {
  const { length } = run.cells[rows.index] as readonly string[];
  const width = widthOf(rows, run.lists[rows.index] as ListRun);
  return Array.from({ length: length / width }, (_, row) => row * width);
}

/** Cuts the rows that were read to a page. The cells of each row begin at one of `starts`. */
export function pageOf(run: ReadRun, rows: RowSet, starts: readonly number[], parent: string | null): Page {
  const list = run.lists[rows.index] as ListRun;
  const { args, size, options } = list;
  const shown = starts.slice(0, size);
  if (isBackward(args)) shown.reverse();
  const cells = run.cells[rows.index] as readonly string[];
  const asked = typeof options.asked === 'function' ? options.asked(parent ?? '') : options.asked;
  const key = lazily(() => listKey({ ...options, asked }));
  const decoders = options.order.map(({ column }) => decoderOf(column).decode);
  const count = run.counts[rows.index];
  return {
    starts: shown,
    hasMore: starts.length > size,
    args,
    cursorAt: (at) =>
      encodeCursor(
        key(),
        decoders.map((decode, n) => sortValueOf(decode(cells[at + rows.cells.length + n] as string))),
      ),
    count: typeof count === 'object' ? count.get(parent ?? '') : count,
  };
}

/** The value of a sort key in a cursor, as the resolvers have it. */
const sortValueOf = (value: unknown): SortValue => (value instanceof Date ? value.toISOString() : (value as SortValue));

/** A list under each row of a parent. Pages after a cursor belong to one parent, so resolvers read them. */
export function nestedConnection(
  draft: StatementDraft,
  parent: RowSet,
  source: NestedListSource,
  field: FieldPlan,
  objectWriter: ObjectWriter,
): Write {
  const { rows, write } = connection(draft, field, parent, objectWriter);
  const definition = definitionOf(field.parentType, field);
  draft.bind.push((run) => {
    const args = field.argsOf(run.variables) as PageArgs;
    checkArguments(definition, args, run.ctx);
    if (args.after != null || args.before != null) throw new NotPlanned('a nested list begins at a cursor');
    run.lists[rows.index] = { args, size: sizeOf(args), options: source.options(run.ctx) };
  });
  draft.writeRelated[rows.index] = (run) => {
    const byParent = startsByParent(run, rows);
    const cells = run.cells[rows.index] as readonly string[];
    return new Map([...byParent].map(([id, starts]) => [id, write(run, cells, pageOf(run, rows, starts, id))]));
  };
  return (run, cells, at) => {
    const id = cells[at] as string;
    return run.related[rows.index]?.get(id) ?? write(run, [], pageOf(run, rows, [], id));
  };
}

/** The last cell of a row of such a list is the ID of its parent. */
export function startsByParent(run: ReadRun, rows: RowSet): Map<string, number[]> {
  const cells = run.cells[rows.index] as readonly string[];
  const width = widthOf(rows, run.lists[rows.index] as ListRun);
  return Map.groupBy(startsOf(run, rows), (at) => cells[at + width - 1] as string);
}
