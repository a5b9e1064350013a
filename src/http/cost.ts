import { type ExecutionArgs, type GraphQLSchema, getOperationAST, type OperationDefinitionNode } from 'graphql';
import { type CostPlan, planCost } from './cost-plan.ts';
import { fragmentsOf } from './fragments.ts';
import { type Cost, introspectionCostOf } from './introspection-cost.ts';

interface Planned {
  plan: CostPlan;
  introspection: Cost;
}

/** Computes the cost of an operation. What does not depend on variables is computed once for each document. */
export function createCost(schema: GraphQLSchema): (args: ExecutionArgs) => Cost {
  const introspectionCost = introspectionCostOf(schema);
  const known = new WeakMap<OperationDefinitionNode, Planned>();
  return ({ document, operationName, variableValues }) => {
    const operation = getOperationAST(document, operationName);
    if (!operation) return { complexity: 0, depth: 0 };
    let planned = known.get(operation);
    if (!planned) {
      planned = {
        plan: planCost(schema, operation, fragmentsOf(document)),
        introspection: introspectionCost(document, operationName),
      };
      known.set(operation, planned);
    }
    const { plan, introspection } = planned;
    return {
      complexity: plan.cost(variableValues ?? {}) + introspection.complexity,
      depth: Math.max(plan.depth, introspection.depth),
    };
  };
}
