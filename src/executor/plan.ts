import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getArgumentValues,
  getNullableType,
  isLeafType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  TypeNameMetaFieldDef,
  type ValueNode,
  visit,
} from 'graphql';
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js';
import { defaultFieldResolver, getFieldDef } from 'graphql/execution/execute.js';
import { completerOf } from './complete.ts';
import type { FieldPlan, Plan, Selection, Variables } from './model.ts';
import type { Container } from './position.ts';
import { KEY_SIZE } from './size.ts';

/** Names of the variables that select fields, in `@skip` and `@include`. */
export function selectingVariables(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Directive: ({ arguments: given }) => {
      for (const { value } of given ?? []) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return [...names];
}

/**
 * Plans an operation. `flags` are the values of the variables that select fields. They are kept with the plan. Calls
 * `onField` for each planned field.
 */
export function planOf(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  fragments: Record<string, FragmentDefinitionNode>,
  flags: Variables,
  onField: () => void,
): Plan {
  const select = (type: GraphQLObjectType, byKey: Map<string, readonly FieldNode[]>): Selection => {
    const fields: FieldPlan[] = [];
    const template: Container = {};
    let size = 0;
    for (const [key, nodes] of byKey) {
      const [node] = nodes as readonly [FieldNode];
      const definition = getFieldDef(schema, type, node);
      if (!definition) continue;
      const constant = definition === TypeNameMetaFieldDef ? type.name : null;
      size += key.length + KEY_SIZE + (constant?.length ?? 0);
      // An assignment to the response key `__proto__` would change the prototype instead.
      Object.defineProperty(template, key, { ...OWN, value: constant });
      if (constant === null) fields.push(fieldPlan(key, type, definition, nodes));
    }
    return { fields, template, size };
  };

  const fieldPlan = (
    key: string,
    parentType: GraphQLObjectType,
    definition: GraphQLField<unknown, unknown>,
    nodes: readonly FieldNode[],
  ): FieldPlan => {
    onField();
    const selections = new Map<GraphQLObjectType, Selection>();
    return {
      key,
      name: definition.name,
      parentType,
      type: definition.type,
      nullable: !isNonNullType(definition.type),
      nodes,
      resolve: definition.resolve ?? defaultFieldResolver,
      argsOf: argumentsOf(definition, nodes[0] as FieldNode),
      complete: completerOf(schema, definition.type),
      leafType: leafTypeOf(definition.type),
      selectionOn: (type) => {
        let selection = selections.get(type);
        if (!selection) {
          selection = select(type, collectSubfields(schema, fragments, flags, type, nodes as FieldNode[]));
          selections.set(type, selection);
        }
        return selection;
      },
    };
  };

  const root = schema.getRootType(operation.operation) as GraphQLObjectType;
  const fields = collectFields(schema, fragments, flags, root, operation.selectionSet);
  return { schema, operation, fragments, selection: select(root, fields) };
}

function leafTypeOf(type: GraphQLOutputType): GraphQLLeafType | null {
  const nullable = getNullableType(type);
  return isLeafType(nullable) ? nullable : null;
}

const OWN = { enumerable: true, writable: true, configurable: true };

/**
 * Reads arguments without variables once, unless they contain objects, which a resolver could modify. Invalid arguments
 * are a field error, so they are read again when the field is executed.
 */
function argumentsOf(definition: GraphQLField<unknown, unknown>, node: FieldNode): FieldPlan['argsOf'] {
  const read: FieldPlan['argsOf'] = (variables) => getArgumentValues(definition, node, variables);
  if (usesVariables(node)) return read;
  try {
    const values = Object.freeze(read({}));
    return Object.values(values).some((value) => typeof value === 'object' && value !== null) ? read : () => values;
  } catch {
    return read;
  }
}

export const usesVariables = (node: FieldNode): boolean =>
  node.arguments?.some(({ value }) => !isConstant(value)) ?? false;

function isConstant(value: ValueNode): boolean {
  if (value.kind === Kind.LIST) return value.values.every(isConstant);
  if (value.kind === Kind.OBJECT) return value.fields.every((field) => isConstant(field.value));
  return value.kind !== Kind.VARIABLE;
}
