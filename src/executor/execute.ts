import { type DocumentNode, type ExecutionArgs, type ExecutionResult, locatedError } from 'graphql';
import { buildExecutionContext } from 'graphql/execution/execute.js';
import type { FieldPlan, Limits, Plan, Run, Variables } from './model.ts';
import { planOf, selectingVariables } from './plan.ts';
import { maxFieldsOf } from './retained.ts';
import { executeField, whenIdle } from './run.ts';

/** Maximum number of plans per document. Variables in `@skip` and `@include` can require a different plan each time. */
const PLANS = 16;

/** The plans of a document. */
interface Plans {
  /** Variables that select fields. Their values are part of the key. */
  selecting: readonly string[];
  byKey: Map<string, Plan>;
  /** Number of fields in these plans. It grows while they run, because the fields of a type are planned when it occurs. */
  fields: number;
  /** Above this number, all plans are dropped. So the memory of plans is proportional to that of their document. */
  maxFields: number;
}

export type Execute = (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult;

const UNLIMITED: Limits = {
  maxSize: Number.POSITIVE_INFINITY,
  maxErrors: Number.POSITIVE_INFINITY,
  onTooLarge: () => new Error('unlimited'),
};

/**
 * An executor that plans each operation once: its fields, their types, resolvers and constant arguments. It generates no
 * code, and its results are those of graphql-js. See README.md.
 */
export function createExecute(limits: Limits = UNLIMITED): Execute {
  // A plan is kept as long as its document, which is in the cache of parsed documents.
  const plans = new WeakMap<DocumentNode, Plans>();

  return (args) => {
    const prepared = buildExecutionContext(args);
    if (!('schema' in prepared)) return { errors: prepared };
    const { operation, fragments, variableValues } = prepared;
    const ofDocument = plansOf(args.document);
    const { selecting, byKey } = ofDocument;
    const flags = flagsOf(selecting, variableValues);
    const key = [operation.name?.value, ...selecting.map((name) => String(flags[name]))].join(' ');
    if (ofDocument.fields > ofDocument.maxFields) clear(ofDocument);
    let plan = byKey.get(key);
    if (!plan) {
      if (byKey.size === PLANS) clear(ofDocument);
      plan = planOf(args.schema, operation, fragments, flags, () => {
        ofDocument.fields += 1;
      });
      byKey.set(key, plan);
    }
    return execute(plan, args.contextValue, variableValues, limits);
  };

  function plansOf(document: DocumentNode): Plans {
    let ofDocument = plans.get(document);
    if (!ofDocument) {
      ofDocument = {
        selecting: selectingVariables(document),
        byKey: new Map(),
        fields: 0,
        maxFields: maxFieldsOf(document),
      };
      plans.set(document, ofDocument);
    }
    return ofDocument;
  }
}

function clear(plans: Plans): void {
  plans.byKey.clear();
  plans.fields = 0;
}

/**
 * The values of these variables that are Booleans or null. Only Booleans select fields. Another operation of the document
 * may declare a variable of another type with this name, whose value must not be kept with the plan.
 */
function flagsOf(names: readonly string[], variables: Variables): Variables {
  const flags: Variables = {};
  for (const name of names) {
    const value = variables[name];
    if (typeof value === 'boolean' || value === null) flags[name] = value;
  }
  return flags;
}

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
