import type { SQL } from 'drizzle-orm';
import { type DocumentNode, type ExecutionArgs, GraphQLError, Kind } from 'graphql';
import type { Context } from '../context.ts';
import { domainError } from '../db/constraints.ts';
import type { Answer, Explain, Explanation } from '../executor/answer.ts';
import type { FieldPlan, Plan, Variables } from '../executor/model.ts';
import { selectingVariables } from '../executor/plan.ts';
import type { FindPlan } from '../executor/plans.ts';
import { sourceOfField } from '../graphql/source.ts';
import { describeError } from '../lib/log.ts';
import { NotPlanned } from './model.ts';
import { createPreparedStatements } from './prepared-statements.ts';
import { planRoot, type RootPlan } from './root.ts';
import { type BoundStatement, bindStatement, execute } from './run.ts';

export interface Planner {
  readonly answer: Answer;
  readonly explain: Explain;
}

/** The planned operation: for each response key in JSON a root field, or the constant value of `__typename`. */
interface PlannedOperation {
  readonly entries: readonly { readonly key: string; readonly root: RootPlan | null; readonly constant: string }[];
}

/** `renewConnections` replaces the database connections, with their prepared statements. */
export function createPlanner(findPlan: FindPlan, renewConnections: () => void): Planner {
  const planned = new WeakMap<Plan, PlannedOperation | NotPlanned>();
  /** Documents of one operation whose plan does not depend on variables and is not planned. */
  const unplanned = new WeakSet<DocumentNode>();
  const preparedStatements = createPreparedStatements(renewConnections);

  function operationOf(plan: Plan): PlannedOperation | NotPlanned {
    const known = planned.get(plan) ?? planOperation(plan);
    planned.set(plan, known);
    return known;
  }

  function answer(args: ExecutionArgs): Promise<string | null> | null {
    if (unplanned.has(args.document)) return null;
    const ctx = args.contextValue as Context;
    const found = findPlan(args);
    if ('errors' in found) return null;
    const operation = operationOf(found.plan);
    if (operation instanceof NotPlanned) {
      if (isOnlyPlan(args.document)) unplanned.add(args.document);
      return null;
    }
    if (!ctx.unit.access.effective) return null;
    const bind = (prepared: Conditions = []): Promise<string> | null => {
      const statements = bindOperation(ctx, operation, found.variables, prepared);
      return statements && respond(ctx, operation, statements);
    };
    const pending = conditionsFor(operation, ctx, found.variables);
    return pending ? pending.then(bind) : bind();
  }

  function bindOperation(
    ctx: Context,
    operation: PlannedOperation,
    variables: Variables,
    prepared: Conditions,
  ): BoundStatement[] | null {
    try {
      return statementsOf(operation, ctx, variables, prepared);
    } catch (error) {
      // The resolvers find the same, and report it.
      logUnexpected(ctx, error);
      return null;
    }
  }

  async function respond(ctx: Context, { entries }: PlannedOperation, statements: BoundStatement[]): Promise<string> {
    const values = await execute(ctx, statements, preparedStatements.use).catch((error: unknown) => {
      logUnexpected(ctx, error);
      throw error;
    });
    let next = 0;
    const fields = entries.map(({ key, root, constant }) => `${key}:${root ? values[next++] : constant}`);
    return `{"data":{${fields.join(',')}}}`;
  }

  return { answer, explain };

  async function explain(args: ExecutionArgs): Promise<Explanation | null> {
    const found = findPlan(args);
    if ('errors' in found) return null;
    const { plan, variables } = found;
    const ctx = args.contextValue as Context;
    const fields = await Promise.all(
      plan.selection.fields.map(async (field) => ({
        field: field.key,
        ...(await explainField(plan, field, ctx, variables)),
      })),
    );
    const operation = operationOf(plan);
    const reason = operation instanceof NotPlanned ? operation.message : null;
    return { planned: reason === null && fields.every((field) => 'statement' in field), reason, fields };
  }
}

/** Without the log, nobody would notice the defect, because the resolvers execute the operation. */
function logUnexpected({ dependencies, requestId }: Context, error: unknown): void {
  const isExpected = error instanceof NotPlanned || domainError(error) instanceof GraphQLError;
  if (!isExpected)
    dependencies.log({ level: 'error', message: 'planner failed', requestId, error: describeError(error) });
}

async function explainField(plan: Plan, field: FieldPlan, ctx: Context, variables: Variables) {
  try {
    const root = planRoot(plan, field);
    const prepared = (await root.prepare?.(ctx, field.argsOf(variables))) ?? [];
    return { statement: bindStatement(root, ctx, variables, prepared).text };
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

/** Conditions of lists that were computed first, for each entry of the operation. */
type Conditions = readonly (readonly SQL[])[];

/** Computes the conditions of lists that need statements of their own. Null if there are none. */
function conditionsFor({ entries }: PlannedOperation, ctx: Context, variables: Variables): Promise<Conditions> | null {
  const pending = entries.map(({ root }) => root?.prepare?.(ctx, root.field.argsOf(variables)) ?? null);
  return pending.some((one) => one !== null) ? Promise.all(pending.map((one) => one ?? [])) : null;
}

const statementsOf = (
  { entries }: PlannedOperation,
  ctx: Context,
  variables: Variables,
  prepared: Conditions,
): BoundStatement[] =>
  entries.flatMap(({ root }, at) => (root ? [bindStatement(root, ctx, variables, prepared[at])] : []));
