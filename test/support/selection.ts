import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql';

export interface Connection {
  /** The name, such as `Type.field`. */
  name: string;
  field: GraphQLField<unknown, unknown>;
  node: GraphQLNamedType;
}

const isConnection = (type: GraphQLNamedType): type is GraphQLObjectType =>
  isObjectType(type) && type.name.endsWith('Connection');

/** The type of a connection's items. */
const nodeOf = (type: GraphQLObjectType): GraphQLNamedType => getNamedType(type.getFields()['nodes']?.type) as never;

/** Every connection field of the schema. */
export const connectionsOf = (schema: GraphQLSchema): Connection[] =>
  Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap((type) => Object.values(type.getFields()).map((field) => ({ name: `${type.name}.${field.name}`, field })))
    .flatMap(({ name, field }) => {
      const type = getNamedType(field.type);
      return isConnection(type) ? [{ name, field, node: nodeOf(type) }] : [];
    });

/**
 * Everything that can be selected on a type, so many objects deep: what is reached on the way to an object is not
 * selected in it again, and a list inside has a page of one.
 */
export function selectAll(schema: GraphQLSchema, type: GraphQLNamedType, depth: number, inside: string[] = []): string {
  if (isAbstractType(type)) {
    const kinds = schema.getPossibleTypes(type);
    return [
      '__typename',
      ...kinds.map((kind) => `... on ${kind.name} { ${selectAll(schema, kind, depth, inside)} }`),
    ].join(' ');
  }
  const fields = Object.values((type as GraphQLObjectType).getFields()).filter(
    ({ args }) => !args.some(isRequiredArgument),
  );
  const selected = fields.map((field) => select(schema, field, depth, [...inside, type.name]));
  return selected.filter((text) => text !== '').join(' ');
}

function select(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>, depth: number, inside: string[]): string {
  const type = getNamedType(field.type);
  if (isLeafType(type)) return field.name;
  if (depth === 0 || inside.includes(type.name)) return '';
  if (!isConnection(type)) {
    const selection = selectAll(schema, type, depth - 1, inside);
    return selection && `${field.name} { ${selection} }`;
  }
  return `${field.name}(first: 1) { ${pageOf(schema, type, depth - 1, inside)} }`;
}

/** A page with everything about it. */
export const pageOf = (schema: GraphQLSchema, type: GraphQLNamedType, depth: number, inside: string[] = []): string =>
  `totalCount pageInfo { hasNextPage endCursor } edges { cursor } nodes { ${selectAll(schema, nodeOf(type as GraphQLObjectType), depth, inside)} }`;
