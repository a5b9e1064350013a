import type { DocumentNode, ExecutionArgs, ExecutionResult } from 'graphql';
import { buildExecutionContext } from 'graphql/execution/execute.js';
import type { Plan, Run, Variables } from './model.ts';
import { planOf, selectingVariables } from './plan.ts';
import { ask, idle } from './run.ts';

/** Plans of one document, of which a client can make many by what it lets `@skip` depend on. */
const PLANS = 16;

interface Plans {
  selecting: readonly string[];
  byKey: Map<string, Plan>;
}

export type Execute = (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult;

/**
 * An executor that plans each operation once: its fields, their types, resolvers and constant arguments. It makes no
 * code of what clients send, and answers as graphql's own does (a test sends both the same).
 */
export function createExecute(): Execute {
  // As long as the document is kept, in the cache of parsed ones.
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
    let known = plans.get(document);
    if (!known) {
      known = { selecting: selectingVariables(document), byKey: new Map() };
      plans.set(document, known);
    }
    return known;
  }
}

/** What decides is a Boolean. In another operation of the document the name can stand for any text, which decides nothing. */
const flagOf = (value: unknown): string => (typeof value === 'boolean' ? String(value) : '-');

function execute(plan: Plan, context: unknown, variables: Variables): Promise<ExecutionResult> | ExecutionResult {
  const { template, fields } = plan.selection;
  const data = { ...template };
  const run: Run = { plan, context, variables, data, errors: [], pending: 0, whenIdle: null };
  if (plan.operation.operation === 'mutation') return serially(run).then(() => responseOf(run));
  for (const field of fields) {
    ask(run, field, undefined, data, undefined);
    if (run.data === null) break;
  }
  return idle(run)?.then(() => responseOf(run)) ?? responseOf(run);
}

/** One root field after the other, each with all that is selected below it. */
async function serially(run: Run): Promise<void> {
  const data = run.data as NonNullable<Run['data']>;
  for (const field of run.plan.selection.fields) {
    ask(run, field, undefined, data, undefined);
    await idle(run);
    if (run.data === null) return;
  }
}

const responseOf = ({ data, errors }: Run): ExecutionResult => (errors.length > 0 ? { errors, data } : { data });
