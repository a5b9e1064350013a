import {
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
} from 'graphql';
import { buildExecutionContext } from 'graphql/execution/execute.js';
import { type CoerceVariables, createCoercion } from './coerce.ts';
import type { Plan, Variables } from './model.ts';
import { planOf, selectingVariables } from './plan.ts';
import { maxFieldsOf } from './retained.ts';

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

/** An operation that was executed before, so it is valid. Only its variables have to be coerced. */
interface CachedOperation extends Pick<Plan, 'operation' | 'fragments'> {
  coerce: CoerceVariables;
}

/** A plan with the values of the variables. */
export interface PlanWithVariables {
  plan: Plan;
  variables: Variables;
}

/** Finds the plan of an operation, or creates it. Returns the errors in the variables if there are any. */
export type FindPlan = (args: ExecutionArgs) => PlanWithVariables | { errors: readonly GraphQLError[] };

export function createPlans(): FindPlan {
  // A plan is kept as long as its document, which is in the cache of parsed documents.
  const plans = new WeakMap<DocumentNode, Plans>();
  const operations = new WeakMap<OperationDefinitionNode, CachedOperation>();
  const coercions = new WeakMap<GraphQLSchema, ReturnType<typeof createCoercion>>();

  return (args) => {
    const execution = readCached(args) ?? buildExecutionContext(args);
    if (!('operation' in execution)) return { errors: execution };
    const { operation, fragments, variableValues } = execution;
    if (!operations.has(operation))
      operations.set(operation, { operation, fragments, coerce: coercionOf(args.schema)(operation) });
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
    return { plan, variables: variableValues };
  };

  /** The operation with its variables. Null if it is not cached, or if a variable is not valid. */
  function readCached({ document, operationName, variableValues }: ExecutionArgs) {
    const operation = getOperationAST(document, operationName);
    const cached = operation && operations.get(operation);
    const variables = cached?.coerce(variableValues ?? {});
    return cached && variables ? { ...cached, variableValues: variables } : null;
  }

  function coercionOf(schema: GraphQLSchema): ReturnType<typeof createCoercion> {
    const coercion = coercions.get(schema) ?? createCoercion(schema);
    coercions.set(schema, coercion);
    return coercion;
  }

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
