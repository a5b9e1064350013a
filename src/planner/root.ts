import { getNamedType, isObjectType } from 'graphql';
import { type PageArgs, sizeOf } from '../db/page.ts';
import type { FieldPlan, Plan } from '../executor/model.ts';
import { type ListSource, type ObjectKey, sourceOfField } from '../graphql/source.ts';
import { decodeId, typeOfPrefix } from '../lib/ids.ts';
import { connection, pageOf, startsOf } from './connection.ts';
import { checkArguments, requireField } from './guard.ts';
import { type Arguments, type Draft, NotPlanned, type ReadRun, type Statement } from './model.ts';
import { objectWriter } from './object.ts';
import { addRows, definitionOf, type Stored, stored } from './rows.ts';

/** A root field whose statement may depend on the arguments. */
export interface Root {
  readonly field: FieldPlan;
  readonly statementFor: (args: Arguments) => Statement;
}

/** Plans a root field of a query. Throws NotPlanned if a resolver is needed. */
export function planRoot(plan: Plan, field: FieldPlan): Root {
  const definition = definitionOf(field.parentType, field);
  const source = sourceOfField(definition);
  switch (source?.kind) {
    case 'list':
      return always(field, planList(newDraft(plan), field, source));
    case 'object':
      return always(field, planObject(newDraft(plan), field, stored(getNamedType(field.type)), source.by as KeyOf));
    case 'node':
      return planNode(plan, field);
    default:
      throw new NotPlanned(`${field.parentType.name}.${field.name} has a resolver of its own`);
  }
}

const newDraft = ({ schema }: Plan): Draft => ({
  schema,
  rows: [],
  permissions: new Set(),
  prepare: [],
  settle: [],
});

const always = (field: FieldPlan, statement: Statement): Root => ({ field, statementFor: () => statement });

function planList(draft: Draft, field: FieldPlan, { options }: ListSource): Statement {
  const definition = definitionOf(field.parentType, field);
  requireField(draft, field.parentType, definition);
  const { rows, write } = connection(draft, field, null, objectWriter);
  draft.prepare.unshift((run) => {
    const args = run.args as PageArgs;
    checkArguments(definition, args, run.ctx);
    run.lists[rows.at] = { args, size: sizeOf(args), options: options(run.ctx, args as never) };
  });
  return {
    draft,
    texts: new Map(),
    write: (run) => write(run, run.cells[rows.at] as string[], pageOf(run, rows, startsOf(run, rows), null)),
  };
}

type KeyOf = (args: Arguments) => ObjectKey | null;

function planObject(draft: Draft, field: FieldPlan, type: Stored, keyOf: KeyOf): Statement {
  const definition = definitionOf(field.parentType, field);
  requireField(draft, field.parentType, definition);
  const rows = addRows(draft, type, { kind: 'object' });
  const write = objectWriter(draft, rows, type.type, field.selectionOn(type.type));
  draft.prepare.unshift((run) => {
    checkArguments(definition, run.args, run.ctx);
    run.key = keyOf(run.args);
    if (!run.key) throw new NotPlanned('the arguments name no object');
  });
  const cellsOf = ({ cells }: ReadRun): readonly string[] => cells[rows.at] as readonly string[];
  return {
    draft,
    texts: new Map(),
    write: (run) => (cellsOf(run).length > 0 ? write(run, cellsOf(run), 0) : 'null'),
  };
}

const idIn = (args: Arguments) => decodeId(String(args['id']));

/** The type of the object follows from its ID. */
function planNode(plan: Plan, field: FieldPlan): Root {
  const byType = new Map<string, Statement | NotPlanned>();
  return {
    field,
    statementFor(args) {
      const id = idIn(args);
      const name = id ? typeOfPrefix(id.prefix) : '';
      const known = byType.get(name) ?? planNodeOf(plan, field, name);
      byType.set(name, known);
      if (known instanceof NotPlanned) throw known;
      return known;
    },
  };
}

function planNodeOf(plan: Plan, field: FieldPlan, name: string): Statement | NotPlanned {
  const type = plan.schema.getType(name);
  try {
    if (!isObjectType(type)) throw new NotPlanned('the ID names no type');
    const target = stored(type);
    return planObject(newDraft(plan), field, target, (args) => {
      const id = idIn(args);
      return id && { column: target.source.id, value: id.uuid };
    });
  } catch (error) {
    return error instanceof NotPlanned ? error : new NotPlanned((error as Error).message);
  }
}
