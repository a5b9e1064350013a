import type { DocumentNode, ExecutionArgs, ExecutionResult } from 'graphql';
import { buildExecutionContext } from 'graphql/execution/execute.js';
import type { Plan, Run, Variables } from './model.ts';
import { planOf, selectingVariables } from './plan.ts';
import { executeField, whenIdle } from './run.ts';

/** Maximum number of plans per document. Variables in `@skip` and `@include` can require a different plan each time. */
const PLANS = 16;

/** The plans of a document. */
interface Plans {
  /** Variables that select fields. Their values are part of the key. */
  selecting: readonly string[];
  byKey: Map<string, Plan>;
}

export type Execute = (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult;

/**
 * An executor that plans each operation once: its fields, their types, resolvers and constant arguments. It generates no
 * code, and its results are those of graphql-js. See README.md.
 */
export function createExecute(): Execute {
  // A plan is kept as long as its document, which is in the cache of parsed documents.
  const plans = new WeakMap<DocumentNode, Plans>();

  return (args) => {
    const prepared = buildExecutionContext(args);
    if (!('schema' in prepared)) return { errors: prepared };
    const { operation, fragments, variableValues } = prepared;
    const { selecting, byKey } = plansOf(args.document);
    const key = [operation.name?.value, ...selecting.map((name) => flagOf(variableValues[name]))].join(' ');
    let plan = byKey.get(key);
    if (!plan) {
      if (byKey.size === PLANS) byKey.clear();
      plan = planOf(args.schema, operation, fragments, variableValues);
      byKey.set(key, plan);
    }
    return execute(plan, args.contextValue, variableValues);
  };

  function plansOf(document: DocumentNode): Plans {
    let ofDocument = plans.get(document);
    if (!ofDocument) {
      ofDocument = { selecting: selectingVariables(document), byKey: new Map() };
      plans.set(document, ofDocument);
    }
    return ofDocument;
  }
}

/** Only Booleans select fields. Another operation of the document may declare a variable of another type with this name. */
const flagOf = (value: unknown): string => (typeof value === 'boolean' ? String(value) : '-');

function execute(plan: Plan, context: unknown, variables: Variables): Promise<ExecutionResult> | ExecutionResult {
  const { template, fields } = plan.selection;
  const data = { ...template };
  const run: Run = { plan, context, variables, data, errors: [], pending: 0, onIdle: null };
  if (plan.operation.operation === 'mutation') return serially(run).then(() => responseOf(run));
  for (const field of fields) {
    executeField(run, field, undefined, data, undefined);
    if (run.data === null) break;
  }
  return whenIdle(run)?.then(() => responseOf(run)) ?? responseOf(run);
}

/** Executes the root fields one after the other, each with its whole selection. */
async function serially(run: Run): Promise<void> {
  const data = run.data as NonNullable<Run['data']>;
  for (const field of run.plan.selection.fields) {
    executeField(run, field, undefined, data, undefined);
    await whenIdle(run);
    if (run.data === null) return;
  }
}

const responseOf = ({ data, errors }: Run): ExecutionResult => (errors.length > 0 ? { errors, data } : { data });
