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

/** An operation whose variables were valid before. */
interface KnownOperation extends Pick<Plan, 'operation' | 'fragments'> {
  coerce: CoerceVariables;
}

/** A plan with the values of the variables. */
export interface Prepared {
  plan: Plan;
  variables: Variables;
}

/** Returns the plan of an operation, or the errors in its variables. */
export type Prepare = (args: ExecutionArgs) => Prepared | { errors: readonly GraphQLError[] };

export function createPlans(): Prepare {
  // A plan is kept as long as its document, which is in the cache of parsed documents.
  const plans = new WeakMap<DocumentNode, Plans>();
  const operations = new WeakMap<OperationDefinitionNode, KnownOperation>();
  const coercions = new WeakMap<GraphQLSchema, ReturnType<typeof createCoercion>>();

  return (args) => {
    const prepared = readKnown(args) ?? buildExecutionContext(args);
    if (!('operation' in prepared)) return { errors: prepared };
    const { operation, fragments, variableValues } = prepared;
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

  /** The operation with its variables. Null if it is not known, or if a variable is not valid. */
  function readKnown({ document, operationName, variableValues }: ExecutionArgs) {
    const operation = getOperationAST(document, operationName);
    const known = operation && operations.get(operation);
    const variables = known?.coerce(variableValues ?? {});
    return known && variables ? { ...known, variableValues: variables } : null;
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
