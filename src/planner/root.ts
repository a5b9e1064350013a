import type { SQL } from 'drizzle-orm';
import { getNamedType, isObjectType } from 'graphql';
import type { Context } from '../context.ts';
import { type PageArgs, sizeOf } from '../db/page.ts';
import type { FieldPlan, Plan } from '../executor/model.ts';
import { type ListSource, type ObjectKey, sourceOfField } from '../graphql/source.ts';
import { decodeId, typeOfPrefix } from '../lib/ids.ts';
import { getOrAdd } from '../lib/maps.ts';
import { connection, pageOf, startsOf } from './connection.ts';
import { checkArguments, requireField } from './guard.ts';
import { type Arguments, NotPlanned, type ReadRun, type Statement, type StatementDraft } from './model.ts';
import { objectWriter } from './object.ts';
import { addRowSet, definitionOf, type StoredType, storedType } from './row-set.ts';

/** A root field whose statement may depend on the arguments. */
export interface RootPlan {
  readonly field: FieldPlan;
  readonly statementFor: (args: Arguments) => Statement;
  /** Conditions that must be computed before the statement is bound. Null if there are none. */
  readonly prepare?: (ctx: Context, args: Arguments) => Promise<readonly SQL[]> | null;
}

/** Plans a root field of a query. Throws NotPlanned if a resolver is needed. */
export function planRoot(plan: Plan, field: FieldPlan): RootPlan {
  const definition = definitionOf(field.parentType, field);
  const source = sourceOfField(definition);
  switch (source?.kind) {
    case 'list':
      return {
        ...always(field, planList(newDraft(plan), field, source)),
        ...(source.prepare && { prepare: source.prepare as NonNullable<RootPlan['prepare']> }),
      };
    case 'object':
      return always(field, planObject(newDraft(plan), field, storedType(getNamedType(field.type)), source.by as KeyOf));
    case 'node':
      return planNode(plan, field);
    default:
      throw new NotPlanned(`${field.parentType.name}.${field.name} has a resolver of its own`);
  }
}

const newDraft = ({ schema }: Plan): StatementDraft => ({
  schema,
  rowSets: [],
  permissions: new Set(),
  permissionsOnSome: new Set(),
  bind: [],
  writeRelated: [],
});

const always = (field: FieldPlan, statement: Statement): RootPlan => ({ field, statementFor: () => statement });

function planList(draft: StatementDraft, field: FieldPlan, { options }: ListSource): Statement {
  const definition = definitionOf(field.parentType, field);
  requireField(draft, field.parentType, definition);
  const { rows, write } = connection(draft, field, null, objectWriter);
  draft.bind.unshift((run) => {
    const args = run.args as PageArgs;
    checkArguments(definition, args, run.ctx);
    run.lists[rows.index] = { args, size: sizeOf(args), options: options(run.ctx, args as never, run.prepared) };
  });
  return {
    draft,
    cachedSql: new Map(),
    write: (run) => write(run, run.cells[rows.index] as string[], pageOf(run, rows, startsOf(run, rows), null)),
  };
}

type KeyOf = (args: Arguments) => ObjectKey | null;

function planObject(draft: StatementDraft, field: FieldPlan, type: StoredType, keyOf: KeyOf): Statement {
  const definition = definitionOf(field.parentType, field);
  requireField(draft, field.parentType, definition);
  const rows = addRowSet(draft, type, { kind: 'object' });
  const write = objectWriter(draft, rows, type.type, field.selectionOn(type.type));
  draft.bind.unshift((run) => {
    checkArguments(definition, run.args, run.ctx);
    run.key = keyOf(run.args);
    if (!run.key) throw new NotPlanned('the arguments name no object');
  });
  const cellsOf = ({ cells }: ReadRun): readonly string[] => cells[rows.index] as readonly string[];
  return {
    draft,
    cachedSql: new Map(),
    write: (run) => (cellsOf(run).length > 0 ? write(run, cellsOf(run), 0) : 'null'),
  };
}

const idIn = (args: Arguments) => decodeId(String(args['id']));

/** The type of the object follows from its ID. */
function planNode(plan: Plan, field: FieldPlan): RootPlan {
  const byType = new Map<string, Statement | NotPlanned>();
  return {
    field,
    statementFor(args) {
      const id = idIn(args);
      const name = id ? typeOfPrefix(id.prefix) : '';
      const statement = getOrAdd(byType, name, () => planNodeOf(plan, field, name));
      if (statement instanceof NotPlanned) throw statement;
      return statement;
    },
  };
}

function planNodeOf(plan: Plan, field: FieldPlan, name: string): Statement | NotPlanned {
  const type = plan.schema.getType(name);
  try {
    if (!isObjectType(type)) throw new NotPlanned('the ID names no type');
    const target = storedType(type);
    return planObject(newDraft(plan), field, target, (args) => {
      const id = idIn(args);
      return id && { column: target.source.id, value: id.uuid };
    });
  } catch (error) {
    return error instanceof NotPlanned ? error : new NotPlanned((error as Error).message);
  }
}
