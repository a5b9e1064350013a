import { type ExecutionArgs, type ExecutionResult, locatedError } from 'graphql';
import type { FieldPlan, Limits, Plan, Run, Variables } from './model.ts';
import { createPlans, type FindPlan } from './plans.ts';
import { executeField, whenIdle } from './run.ts';

export type Execute = (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult;

/** Replaces a root field for one execution, for example to measure its resolver. */
export type WrapRoot = (field: FieldPlan, context: unknown) => FieldPlan;

const UNLIMITED: Limits = {
  maxSize: Number.POSITIVE_INFINITY,
  maxErrors: Number.POSITIVE_INFINITY,
  onTooLarge: () => new Error('unlimited'),
};

/**
 * An executor that plans each operation once: its fields, their types, resolvers and constant arguments. It generates no
 * code, and its results are those of graphql-js. See README.md.
 */
export function createExecute(
  limits: Limits = UNLIMITED,
  findPlan: FindPlan = createPlans(),
  wrapRoot?: WrapRoot,
): Execute {
  return (args) => {
    const found = findPlan(args);
    if ('errors' in found) return found;
    const { plan, variables } = found;
    return execute(wrapRoot ? wrapped(plan, args.contextValue, wrapRoot) : plan, args.contextValue, variables, limits);
  };
}

const wrapped = (plan: Plan, context: unknown, wrapRoot: WrapRoot): Plan => {
  const fields = plan.selection.fields.map((field) => wrapRoot(field, context));
  return { ...plan, selection: { ...plan.selection, fields } };
};

function execute(
  plan: Plan,
  context: unknown,
  variables: Variables,
  { maxSize, maxErrors, onTooLarge }: Limits,
): Promise<ExecutionResult> | ExecutionResult {
  const { template, fields, size } = plan.selection;
  const data = { ...template };
  const run: Run = {
    plan,
    context,
    variables,
    data,
    errors: [],
    maxErrors,
    size,
    maxSize,
    tooLarge: null,
    onTooLarge: () => onTooLarge(plan.operation, context),
    pending: 0,
    onIdle: null,
  };
  if (plan.operation.operation === 'mutation') return serially(run).then(() => responseOf(run));
  for (const field of fields) {
    executeField(run, field, undefined, data, undefined);
    if (run.data === null || run.tooLarge) break;
  }
  return whenIdle(run)?.then(() => responseOf(run)) ?? responseOf(run);
}

/** Executes the root fields one after the other, each with its whole selection. */
async function serially(run: Run): Promise<void> {
  const data = run.data as NonNullable<Run['data']>;
  for (const field of run.plan.selection.fields) {
    const [size, errors] = [run.size, run.errors.length];
    executeField(run, field, undefined, data, undefined);
    await whenIdle(run);
    if (run.tooLarge) {
      run.size = size;
      leaveOut(run, field, run.tooLarge, errors);
    }
    if (run.data === null) return;
  }
}

/** Replaces the payload of a root field by null and an error, so that the results of the other fields are kept. */
function leaveOut(run: Run, { key, nodes, nullable }: FieldPlan, error: Error, errorsBefore: number): void {
  const own = run.errors.splice(errorsBefore).filter(({ path }) => path?.length === 1);
  // The field itself has failed, so it has no payload.
  run.errors.push(...(own.length > 0 ? own : [locatedError(error, nodes, [key])]));
  run.tooLarge = null;
  if (run.data && nullable) run.data[key] = null;
  else run.data = null;
}

function responseOf({ data, errors, tooLarge }: Run): ExecutionResult {
  if (tooLarge) return { errors: [locatedError(tooLarge, undefined, undefined)], data: null };
  return errors.length > 0 ? { errors, data } : { data };
}
