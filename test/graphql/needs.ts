import { readFileSync } from 'node:fs';
import {
  buildSchema,
  type ConstDirectiveNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
  parse,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql';

/** One condition that an operation must meet: one of these permissions, or none for what is the caller's own. */
export interface Need {
  anyOf: string[];
  own: boolean;
  /** Only for objects of one type, where the field can return others. */
  conditional: boolean;
}

type Element = { astNode?: { directives?: readonly ConstDirectiveNode[] | undefined } | null | undefined };

export const readSchema = (): GraphQLSchema => buildSchema(readFileSync('schema.graphql', 'utf8'));

/** What an operation needs, read from the printed schema alone. */
export function needsOf(schema: GraphQLSchema, document: string, variables: Record<string, unknown>): Need[] {
  const [operation] = parse(document).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('one operation without fragments is expected');
  const root = operation.operation === 'query' ? schema.getQueryType() : schema.getMutationType();
  return selected(root as GraphQLObjectType, operation.selectionSet, false);

  function required({ astNode }: Element, conditional: boolean): Need[] {
    const directive = schema.getDirective('requires');
    if (!directive) throw new Error('the schema has no @requires');
    return (astNode?.directives ?? [])
      .filter(({ name }) => name.value === 'requires')
      .map((node) => {
        const { permission, anyOf, own } = getArgumentValues(directive, node);
        return { anyOf: (anyOf ?? [permission].filter(Boolean)) as string[], own: own === true, conditional };
      });
  }

  /** Of an abstract type, an object of one of its types is seen. */
  function seen(type: GraphQLNamedType, conditional: boolean): Need[] {
    if (isObjectType(type)) return required(type, conditional);
    if (!isAbstractType(type)) return [];
    const needs = schema.getPossibleTypes(type).map((one) => required(one, conditional));
    if (needs.some((each) => each.length === 0)) return [];
    return [
      { anyOf: needs.flat().flatMap(({ anyOf }) => anyOf), own: needs.flat().some(({ own }) => own), conditional },
    ];
  }

  function selected(type: GraphQLNamedType, { selections }: SelectionSetNode, conditional: boolean): Need[] {
    return selections.flatMap((node) => {
      if (node.kind === Kind.FRAGMENT_SPREAD) throw new Error('one operation without fragments is expected');
      if (node.kind === Kind.INLINE_FRAGMENT) {
        const inner = node.typeCondition ? schema.getType(node.typeCondition.name.value) : type;
        return selected(inner as GraphQLNamedType, node.selectionSet, conditional || inner !== type);
      }
      const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
      return field ? [...seen(type, conditional), ...asked(field, node, conditional)] : [];
    });
  }

  function asked(field: GraphQLField<unknown, unknown>, node: FieldNode, conditional: boolean): Need[] {
    const result = getNamedType(field.type);
    const args = field.args.flatMap((arg) => {
      const given = node.arguments?.find(({ name }) => name.value === arg.name);
      const value = given && valueFromASTUntyped(given.value, variables);
      return value == null ? [] : [...required(arg, conditional), ...inputs(arg.type, value, conditional)];
    });
    // A page leaves out what the caller cannot see, also from its count.
    const nodes = result.name.endsWith('Connection') && (result as GraphQLObjectType).getFields()['nodes'];
    return [
      ...required(field, conditional),
      ...args,
      ...(nodes ? seen(getNamedType(nodes.type), conditional) : []),
      ...(node.selectionSet ? selected(result, node.selectionSet, conditional) : []),
    ];
  }

  function inputs(type: GraphQLInputType, value: unknown, conditional: boolean): Need[] {
    const named = getNamedType(type);
    if (Array.isArray(value)) return value.flatMap((one) => inputs(named, one, conditional));
    if (isEnumType(named)) {
      const one = named.getValue(String(value));
      return one ? required(one, conditional) : [];
    }
    if (!isInputObjectType(named)) return [];
    return Object.values(named.getFields()).flatMap((field) => {
      const one = (value as Record<string, unknown>)[field.name];
      return one == null ? [] : [...required(field, conditional), ...inputs(field.type, one, conditional)];
    });
  }
}
