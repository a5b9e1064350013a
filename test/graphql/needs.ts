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
  TypeInfo,
  valueFromASTUntyped,
  visit,
  visitWithTypeInfo,
} from 'graphql';

/** One condition of an operation: one of these permissions, or none for the caller's own objects. */
export interface Need {
  anyOf: string[];
  own: boolean;
  /** The objects that the condition is for. It does not apply if the response has none. */
  on: Location;
}

/** Objects in the response at a path, optionally only those of one type. */
export interface Location {
  path: readonly string[];
  type: string | null;
}

type Element = { astNode?: { directives?: readonly ConstDirectiveNode[] | undefined } | null | undefined };

export const readSchema = (): GraphQLSchema => buildSchema(readFileSync('schema.graphql', 'utf8'));

/** The conditions of an operation, derived only from the printed schema. */
export function needsOf(schema: GraphQLSchema, document: string, variables: Record<string, unknown>): Need[] {
  const [operation] = parse(document).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('one operation without fragments is expected');
  const root = operation.operation === 'query' ? schema.getQueryType() : schema.getMutationType();
  return needsOfSelection(root as GraphQLObjectType, operation.selectionSet, { path: [], type: null });

  function declaredNeeds({ astNode }: Element, on: Location): Need[] {
    const directive = schema.getDirective('requires');
    if (!directive) throw new Error('the schema has no @requires');
    return (astNode?.directives ?? [])
      .filter(({ name }) => name.value === 'requires')
      .map((node) => {
        const { permission, anyOf, own } = getArgumentValues(directive, node);
        return { anyOf: (anyOf ?? [permission].filter(Boolean)) as string[], own: own === true, on };
      });
  }

  /** An object of an abstract type has one of its types, so one of their conditions is enough. */
  function needsOfType(type: GraphQLNamedType, on: Location): Need[] {
    if (isObjectType(type)) return declaredNeeds(type, on);
    if (!isAbstractType(type)) return [];
    const needs = schema.getPossibleTypes(type).map((one) => declaredNeeds(one, on));
    if (needs.some((each) => each.length === 0)) return [];
    return [{ anyOf: needs.flat().flatMap(({ anyOf }) => anyOf), own: needs.flat().some(({ own }) => own), on }];
  }

  function needsOfSelection(type: GraphQLNamedType, { selections }: SelectionSetNode, on: Location): Need[] {
    return selections.flatMap((node) => {
      if (node.kind === Kind.FRAGMENT_SPREAD) throw new Error('one operation without fragments is expected');
      if (node.kind === Kind.INLINE_FRAGMENT) {
        const inner = node.typeCondition ? schema.getType(node.typeCondition.name.value) : type;
        return needsOfSelection(
          inner as GraphQLNamedType,
          node.selectionSet,
          inner === type ? on : { ...on, type: inner?.name ?? null },
        );
      }
      const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
      return field ? [...needsOfType(type, on), ...needsOfField(field, node, on)] : [];
    });
  }

  function needsOfField(field: GraphQLField<unknown, unknown>, node: FieldNode, on: Location): Need[] {
    const result = getNamedType(field.type);
    const args = field.args.flatMap((arg) => {
      const given = node.arguments?.find(({ name }) => name.value === arg.name);
      const value = given && valueFromASTUntyped(given.value, variables);
      return value == null ? [] : [...declaredNeeds(arg, on), ...needsOfInput(arg.type, value, on)];
    });
    // A page and its count omit the objects that the caller cannot see.
    const nodes = result.name.endsWith('Connection') && (result as GraphQLObjectType).getFields()['nodes'];
    return [
      ...declaredNeeds(field, on),
      ...args,
      ...(nodes ? needsOfType(getNamedType(nodes.type), on) : []),
      ...(node.selectionSet
        ? needsOfSelection(result, node.selectionSet, { path: [...on.path, field.name], type: null })
        : []),
    ];
  }

  function needsOfInput(type: GraphQLInputType, value: unknown, on: Location): Need[] {
    const named = getNamedType(type);
    if (Array.isArray(value)) return value.flatMap((one) => needsOfInput(named, one, on));
    if (isEnumType(named)) {
      const one = named.getValue(String(value));
      return one ? declaredNeeds(one, on) : [];
    }
    if (!isInputObjectType(named)) return [];
    return Object.values(named.getFields()).flatMap((field) => {
      const one = (value as Record<string, unknown>)[field.name];
      return one == null ? [] : [...declaredNeeds(field, on), ...needsOfInput(field.type, one, on)];
    });
  }
}

/** Whether the response has objects at the location. */
export const hasObjects = (data: unknown, { path, type }: Location): boolean => {
  if (Array.isArray(data)) return data.some((item) => hasObjects(item, { path, type }));
  if (data === null || typeof data !== 'object') return false;
  const [step, ...rest] = path;
  const object = data as Record<string, unknown>;
  if (step !== undefined) return hasObjects(object[step], { path: rest, type });
  return type === null || object['__typename'] === type;
};

/** The fields that an operation selects, as `Type.field` and as `field`. */
export function fieldsOf(schema: GraphQLSchema, document: string): Set<string> {
  const info = new TypeInfo(schema);
  const fields = new Set<string>();
  visit(
    parse(document),
    visitWithTypeInfo(info, {
      Field: ({ name }) => {
        fields.add(name.value).add(`${info.getParentType()?.name}.${name.value}`);
      },
    }),
  );
  return fields;
}
