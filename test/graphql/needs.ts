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

/** One condition that an operation must meet: one of these permissions, or none for what is the caller's own. */
export interface Need {
  anyOf: string[];
  own: boolean;
  /** The objects that it is for. It does not apply where the answer has none. */
  on: Place;
}

/** Objects in the answer: those at a path, or only those of one type. */
export interface Place {
  path: readonly string[];
  type: string | null;
}

type Element = { astNode?: { directives?: readonly ConstDirectiveNode[] | undefined } | null | undefined };

export const readSchema = (): GraphQLSchema => buildSchema(readFileSync('schema.graphql', 'utf8'));

/** What an operation needs, read from the printed schema alone. */
export function needsOf(schema: GraphQLSchema, document: string, variables: Record<string, unknown>): Need[] {
  const [operation] = parse(document).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('one operation without fragments is expected');
  const root = operation.operation === 'query' ? schema.getQueryType() : schema.getMutationType();
  return selected(root as GraphQLObjectType, operation.selectionSet, { path: [], type: null });

  function required({ astNode }: Element, on: Place): Need[] {
    const directive = schema.getDirective('requires');
    if (!directive) throw new Error('the schema has no @requires');
    return (astNode?.directives ?? [])
      .filter(({ name }) => name.value === 'requires')
      .map((node) => {
        const { permission, anyOf, own } = getArgumentValues(directive, node);
        return { anyOf: (anyOf ?? [permission].filter(Boolean)) as string[], own: own === true, on };
      });
  }

  /** Of an abstract type, an object of one of its types is seen. */
  function seen(type: GraphQLNamedType, on: Place): Need[] {
    if (isObjectType(type)) return required(type, on);
    if (!isAbstractType(type)) return [];
    const needs = schema.getPossibleTypes(type).map((one) => required(one, on));
    if (needs.some((each) => each.length === 0)) return [];
    return [{ anyOf: needs.flat().flatMap(({ anyOf }) => anyOf), own: needs.flat().some(({ own }) => own), on }];
  }

  function selected(type: GraphQLNamedType, { selections }: SelectionSetNode, on: Place): Need[] {
    return selections.flatMap((node) => {
      if (node.kind === Kind.FRAGMENT_SPREAD) throw new Error('one operation without fragments is expected');
      if (node.kind === Kind.INLINE_FRAGMENT) {
        const inner = node.typeCondition ? schema.getType(node.typeCondition.name.value) : type;
        return selected(
          inner as GraphQLNamedType,
          node.selectionSet,
          inner === type ? on : { ...on, type: inner?.name ?? null },
        );
      }
      const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
      return field ? [...seen(type, on), ...asked(field, node, on)] : [];
    });
  }

  function asked(field: GraphQLField<unknown, unknown>, node: FieldNode, on: Place): Need[] {
    const result = getNamedType(field.type);
    const args = field.args.flatMap((arg) => {
      const given = node.arguments?.find(({ name }) => name.value === arg.name);
      const value = given && valueFromASTUntyped(given.value, variables);
      return value == null ? [] : [...required(arg, on), ...inputs(arg.type, value, on)];
    });
    // A page leaves out what the caller cannot see, also from its count.
    const nodes = result.name.endsWith('Connection') && (result as GraphQLObjectType).getFields()['nodes'];
    return [
      ...required(field, on),
      ...args,
      ...(nodes ? seen(getNamedType(nodes.type), on) : []),
      ...(node.selectionSet ? selected(result, node.selectionSet, { path: [...on.path, field.name], type: null }) : []),
    ];
  }

  function inputs(type: GraphQLInputType, value: unknown, on: Place): Need[] {
    const named = getNamedType(type);
    if (Array.isArray(value)) return value.flatMap((one) => inputs(named, one, on));
    if (isEnumType(named)) {
      const one = named.getValue(String(value));
      return one ? required(one, on) : [];
    }
    if (!isInputObjectType(named)) return [];
    return Object.values(named.getFields()).flatMap((field) => {
      const one = (value as Record<string, unknown>)[field.name];
      return one == null ? [] : [...required(field, on), ...inputs(field.type, one, on)];
    });
  }
}

/** Whether the answer has objects there. */
export const isThere = (data: unknown, { path, type }: Place): boolean => {
  if (Array.isArray(data)) return data.some((item) => isThere(item, { path, type }));
  if (data === null || typeof data !== 'object') return false;
  const [step, ...rest] = path;
  const object = data as Record<string, unknown>;
  if (step !== undefined) return isThere(object[step], { path: rest, type });
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
