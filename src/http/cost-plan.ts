import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { usesVariables } from '../executor/plan.ts';
import { LIST_COST } from '../graphql/cost.ts';
import { costArguments, type ReadVariable, readVariables, type Variables } from './cost-arguments.ts';
import type { Fragments } from './fragments.ts';

/** The cost of a field itself, and how often its selection set counts. */
interface Factors {
  field: number;
  multiplier: number;
}

type Complexity = number | Partial<Factors> | ((args: object, context: object) => number | Partial<Factors>);

/** The cost of a selection set on one type. */
interface Sum {
  /** The cost of what does not depend on variables. */
  constant: number;
  depth: number;
  /** What depends on variables. */
  terms: Term[];
  /** The cost with the variables of the current computation. */
  value: number;
}

interface Term {
  factors: (variables: Variables) => Factors;
  /** Null for a field without a selection set. */
  inner: Sum | null;
}

export interface CostPlan {
  depth: number;
  /** Takes time in proportion to the number of fields that depend on variables. */
  cost: (variables: Variables) => number;
}

/** Plans the cost of an operation: that of `@pothos/plugin-complexity`, but constant parts are computed once. */
export function planCost(schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments): CostPlan {
  const readVariable = readVariables(operation);
  const known = new Map<SelectionSetNode, Map<GraphQLNamedOutputType, Sum>>();
  /** Sums with terms. Those of inner selection sets are first. */
  const variable: Sum[] = [];

  const sumOf = (set: SelectionSetNode, type: GraphQLNamedOutputType): Sum => {
    const ofSet = known.get(set) ?? new Map<GraphQLNamedOutputType, Sum>();
    known.set(set, ofSet);
    const sum = ofSet.get(type) ?? newSum(set, type);
    ofSet.set(type, sum);
    return sum;
  };

  const newSum = (set: SelectionSetNode, type: GraphQLNamedOutputType): Sum => {
    const sum: Sum = { constant: 0, depth: 0, terms: [], value: 0 };
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) addField(sum, selection, type);
      else {
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
        if (!fragment) throw new Error('validation did not find a missing fragment');
        const on = fragment.typeCondition && schema.getType(fragment.typeCondition.name.value);
        add(sum, ONCE, sumOf(fragment.selectionSet, (on ?? type) as GraphQLNamedOutputType), 0);
      }
    }
    if (sum.terms.length > 0) variable.push(sum);
    return sum;
  };

  const addField = (sum: Sum, node: FieldNode, type: GraphQLNamedOutputType): void => {
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
    const inner = field && node.selectionSet ? sumOf(node.selectionSet, getNamedType(field.type)) : null;
    add(sum, field ? factorsOf(field, node, readVariable) : LEAF, inner, 1);
  };

  const root = sumOf(operation.selectionSet, schema.getRootType(operation.operation) as GraphQLNamedOutputType);
  return {
    depth: root.depth,
    cost(variables) {
      for (const sum of variable)
        sum.value = sum.terms.reduce((all, term) => all + costOf(term, variables), sum.constant);
      return root.terms.length > 0 ? root.value : root.constant;
    },
  };
}

const LEAF: Factors = { field: 1, multiplier: 1 };
/** A fragment counts as the fields in it. */
const ONCE: Factors = { field: 0, multiplier: 1 };

function add(sum: Sum, factors: Factors | Term['factors'], inner: Sum | null, levels: number): void {
  sum.depth = Math.max(sum.depth, levels + (inner?.depth ?? 0));
  const isVariable = typeof factors === 'function' || (inner && inner.terms.length > 0);
  if (isVariable) sum.terms.push({ factors: typeof factors === 'function' ? factors : () => factors, inner });
  else sum.constant += factors.field + factors.multiplier * (inner?.constant ?? 0);
}

function costOf({ factors, inner }: Term, variables: Variables): number {
  const { field, multiplier } = factors(variables);
  if (!inner) return field;
  return field + multiplier * (inner.terms.length > 0 ? inner.value : inner.constant);
}

/** The factors of a field, or a function if they depend on variables. */
function factorsOf(
  definition: GraphQLField<unknown, unknown>,
  node: FieldNode,
  readVariable: ReadVariable,
): Factors | Term['factors'] {
  const complexity = definition.extensions['complexity'] as Complexity | undefined;
  const list = isListType(getNullableType(definition.type)) ? LIST_COST : 1;
  const complete = (given: number | Partial<Factors> = 1): Factors =>
    typeof given === 'number'
      ? { field: given, multiplier: list }
      : { field: given.field ?? 1, multiplier: Math.max(given.multiplier ?? list, 0) };
  if (typeof complexity !== 'function') return complete(complexity);
  const factors: Term['factors'] = (variables) =>
    complete(complexity(costArguments(definition, node, variables, readVariable), {}));
  return usesVariables(node) ? factors : factors({});
}
