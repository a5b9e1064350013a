import { type DocumentNode, type ExecutionArgs, GraphQLError, Kind } from 'graphql';
import type { Context } from '../context.ts';
import { domainError } from '../db/constraints.ts';
import type { Answer, Explain, Explanation } from '../executor/answer.ts';
import type { FieldPlan, Plan, Variables } from '../executor/model.ts';
import { selectingVariables } from '../executor/plan.ts';
import type { Prepare } from '../executor/plans.ts';
import { sourceOfField } from '../graphql/source.ts';
import { describeError } from '../lib/log.ts';
import { NotPlanned } from './model.ts';
import { createPrepared } from './prepared.ts';
import { planRoot, type Root } from './root.ts';
import { execute, prepareRun, type Ready } from './run.ts';

export interface Planner {
  readonly answer: Answer;
  readonly explain: Explain;
}

/** The planned operation: for each response key in JSON a root field, or the constant value of `__typename`. */
interface PlannedOperation {
  readonly entries: readonly { readonly key: string; readonly root: Root | null; readonly constant: string }[];
}

/** `renewConnections` replaces the database connections, with their prepared statements. */
export function createPlanner(prepare: Prepare, renewConnections: () => void): Planner {
  const planned = new WeakMap<Plan, PlannedOperation | NotPlanned>();
  /** Documents of one operation whose plan does not depend on variables and is not planned. */
  const unplanned = new WeakSet<DocumentNode>();
  const prepared = createPrepared(renewConnections);

  function operationOf(plan: Plan): PlannedOperation | NotPlanned {
    const known = planned.get(plan) ?? planOperation(plan);
    planned.set(plan, known);
    return known;
  }

  function answer(args: ExecutionArgs): Promise<string | null> | null {
    if (unplanned.has(args.document)) return null;
    const ready = readyFor(args);
    if (!ready) return null;
    const ctx = args.contextValue as Context;
    return respond(ctx, ready.operation, ready.statements);
  }

  function readyFor(args: ExecutionArgs): { operation: PlannedOperation; statements: Ready[] } | null {
    const ctx = args.contextValue as Context;
    const found = prepare(args);
    if ('errors' in found) return null;
    const operation = operationOf(found.plan);
    if (operation instanceof NotPlanned) {
      if (isOnlyPlan(args.document)) unplanned.add(args.document);
      return null;
    }
    if (!ctx.unit.access.effective) return null;
    try {
      return { operation, statements: statementsOf(operation, ctx, found.variables) };
    } catch (error) {
      // The resolvers find the same, and report it.
      logUnexpected(ctx, error);
      return null;
    }
  }

  async function respond(ctx: Context, { entries }: PlannedOperation, ready: Ready[]): Promise<string> {
    const values = await execute(ctx, ready, prepared.use).catch((error: unknown) => {
      logUnexpected(ctx, error);
      throw error;
    });
    let next = 0;
    const fields = entries.map(({ key, root, constant }) => `${key}:${root ? values[next++] : constant}`);
    return `{"data":{${fields.join(',')}}}`;
  }

  return { answer, explain };

  function explain(args: ExecutionArgs): Explanation | null {
    const found = prepare(args);
    if ('errors' in found) return null;
    const { plan, variables } = found;
    const ctx = args.contextValue as Context;
    const fields = plan.selection.fields.map((field) => ({
      field: field.key,
      ...explainField(plan, field, ctx, variables),
    }));
    const operation = operationOf(plan);
    const reason = operation instanceof NotPlanned ? operation.message : null;
    return { planned: reason === null && fields.every((field) => 'statement' in field), reason, fields };
  }
}

/** The resolvers execute the operation then, so nobody would notice the defect. */
function logUnexpected({ dependencies, requestId }: Context, error: unknown): void {
  const isExpected = error instanceof NotPlanned || domainError(error) instanceof GraphQLError;
  if (!isExpected)
    dependencies.log({ level: 'error', message: 'planner failed', requestId, error: describeError(error) });
}

function explainField(plan: Plan, field: FieldPlan, ctx: Context, variables: Variables) {
  try {
    return { statement: prepareRun(planRoot(plan, field), ctx, variables).text };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

/** Whether the document has one operation, which selects the same fields for all variables. */
const isOnlyPlan = (document: DocumentNode): boolean =>
  document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length === 1 &&
  selectingVariables(document).length === 0;

/** Maximum number of root fields that read one object. Each is a statement, and resolvers load the objects together. */
const MAX_OBJECTS = 4;

function readsOneObject({ name, parentType }: FieldPlan): boolean {
  const field = parentType.getFields()[name];
  const kind = field && sourceOfField(field)?.kind;
  return kind === 'object' || kind === 'node';
}

function planOperation(plan: Plan): PlannedOperation | NotPlanned {
  const { operation, selection } = plan;
  if (operation.operation !== 'query') return new NotPlanned('only queries are planned');
  if (selection.fields.filter(readsOneObject).length > MAX_OBJECTS)
    return new NotPlanned(`more than ${MAX_OBJECTS} root fields read one object each`);
  const fields = new Map(selection.fields.map((field) => [field.key, field]));
  try {
    const entries = Object.entries(selection.template).map(([key, constant]) => {
      const field = fields.get(key);
      return {
        key: JSON.stringify(key),
        root: field ? planRoot(plan, field) : null,
        constant: JSON.stringify(constant),
      };
    });
    return entries.some(({ root }) => root) ? { entries } : new NotPlanned('the operation reads nothing');
  } catch (error) {
    // Such as a null in `@skip`. The resolvers report it.
    return error instanceof NotPlanned ? error : new NotPlanned((error as Error).message);
  }
}

const statementsOf = ({ entries }: PlannedOperation, ctx: Context, variables: Variables): Ready[] =>
  entries.flatMap(({ root }) => (root ? [prepareRun(root, ctx, variables)] : []));
