import {
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLUnionType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { buildSchema } from '../../src/schema.ts';
import type { Json } from './api.ts';

export type RootField = GraphQLField<unknown, unknown>;

export const schema = buildSchema();

const rootFields = (kind: 'Query' | 'Mutation'): RootField[] =>
  Object.values((schema.getType(kind) as GraphQLObjectType).getFields());
export const queries = rootFields('Query');
export const mutations = rootFields('Mutation');

export const nodeTypes: string[] = schema
  .getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType)
  .map(({ name }) => name)
  .sort();

export const mutationNamed = (name: string): RootField | undefined => mutations.find((field) => field.name === name);

/** The verb and type of a name such as `createCheck`; undefined for another name or a type without an ID. */
export function verbAndType(mutation: string): { verb: 'create' | 'update' | 'delete'; type: string } | undefined {
  const bulk = bulkOf(mutation);
  if (bulk) return verbAndType(bulk.single);
  const [, verb, name = ''] = /^(create|update|delete)([A-Z].*)$/.exec(mutation) ?? [];
  // `createInvitations` creates several.
  const type = nodeTypes.find((each) => name === each || (verb === 'create' && name === `${each}s`));
  return type === undefined ? undefined : { verb: verb as 'create', type };
}

/** The mutation that creates objects of this type: `createCheck`, or `createInvitations`. */
export const createMutationOf = (type: string): string =>
  mutations.find(({ name }) => name === `create${type}s` && !bulkOf(name))?.name ?? `create${type}`;

/** The list of inputs and the mutation for one of them: `services` and `createService` of `createServices`. */
export function bulkOf(mutation: string): { list: string; single: string } | undefined {
  const [field, ...others] = inputFields(mutation).filter(({ name }) => name !== 'dryRun');
  if (!field || others.length > 0 || !isListType(getNullableType(field.type))) return undefined;
  const item = getNamedType(field.type).name;
  const single = mutations.find(({ args }) => getNamedType(args[0]?.type)?.name === item)?.name;
  return single === undefined ? undefined : { list: field.name, single };
}

/** The input of a mutation that changes several objects, with one of them. Other inputs as they are. */
export function asBulk(mutation: string, input: Record<string, Json>): Record<string, Json> {
  const bulk = bulkOf(mutation);
  return bulk ? { [bulk.list]: [input] } : input;
}

/** Fields of the mutation's one input object. */
export function inputFields(mutation: string): GraphQLInputField[] {
  const type = getNamedType(mutationNamed(mutation)?.args[0]?.type);
  return isInputObjectType(type) ? Object.values(type.getFields()) : [];
}

export const hasInputField = (mutation: string, field: string): boolean =>
  inputFields(mutation).some(({ name }) => name === field);

/** The type that an input such as `CategoryReference` identifies by ID or alias; undefined for another input. */
export function referencedBy(type: GraphQLInputType | undefined): string | undefined {
  const named = getNamedType(type);
  return isInputObjectType(named) && named.isOneOf && named.getFields()['id']
    ? named.name.replace(/Reference$/, '')
    : undefined;
}

const uncapitalized = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);

/** The input field with the target of a mutation: `id`, or for example `category`. */
export function targetOf(mutation: string): string | undefined {
  if (hasInputField(mutation, 'id')) return 'id';
  const type = mutation.replace(/^[a-z]+/, '');
  return inputFields(mutation).find((field) => field.name === uncapitalized(type) && referencedBy(field.type))?.name;
}

/** The path of the target's ID: `id`, or for example `category.id`. */
export function targetPath(mutation: string): string | undefined {
  const bulk = bulkOf(mutation);
  const single = bulk && targetPath(bulk.single);
  if (bulk) return single && `${bulk.list}.0.${single}`;
  const target = targetOf(mutation);
  return target && target !== 'id' ? `${target}.id` : target;
}

/** The input field for the reference `categoryId`: that name, or `category`, which takes an ID or an alias. */
export function referenceOf(mutation: string, name: string): string | undefined {
  if (hasInputField(mutation, name)) return name;
  const field = inputFields(mutation).find((each) => `${each.name}Id` === name);
  return referencedBy(field?.type) && field?.name;
}

/** Converts `id` and `categoryId` of the registry to the fields of the mutation's input. */
export function toInput(mutation: string, input: Record<string, Json>): Record<string, Json> {
  const entries = Object.entries(input).map(([name, value]) => {
    const field = name === 'id' ? targetOf(mutation) : referenceOf(mutation, name);
    if (!field || field === name) return [name, value];
    return [field, value === null ? null : { id: value }];
  });
  return Object.fromEntries(entries);
}

/** The payload field with the object: `check` of `createCheck`, `invitations` of `createInvitations`. */
export function resultOf(mutation: string): string {
  const { type } = verbAndType(mutation) ?? {};
  const payload = getNamedType(mutationNamed(mutation)?.type) as GraphQLObjectType;
  const field = Object.values(payload.getFields()).find((each) => getNamedType(each.type).name === type);
  if (!field) throw new Error(`the payload of ${mutation} has no field of type ${type}`);
  return field.name;
}

/** The type of the items of a connection; undefined for a field of another type. */
export function nodeOfList(field: RootField): GraphQLNamedType | undefined {
  const type = getNamedType(field.type);
  if (!isObjectType(type) || !type.name.endsWith('Connection')) return undefined;
  return getNamedType(type.getFields()['nodes']?.type) as GraphQLNamedType;
}

/** Root fields that list objects of this type. */
export const listsOf = (type: string): RootField[] => queries.filter((field) => nodeOfList(field)?.name === type);

/** Types of which an object can belong to a project. */
export const typesInProjects = nodeTypes.filter((type) => hasInputField(createMutationOf(type), 'projectId'));

/** Whether every object of the type belongs to a project: its create mutation requires one. */
export const isOfProject = (type: string): boolean =>
  inputFields(createMutationOf(type)).some((field) => field.name === 'projectId' && isNonNullType(field.type));

/** The permission that `@requires` names on a root field. */
export const permissionOf = (field: RootField | undefined): string | undefined =>
  (field?.extensions['guard'] as { rule: { permission?: string } } | undefined)?.rule.permission;

/** The path of a single value in an input: a field, the first item of a list, or a field of that item. */
export interface InputPath {
  /** Name of the mutation or query. */
  mutation: string;
  /** The path, such as `statements.0.effect`. */
  name: string;
  type: GraphQLNamedType;
  required: boolean;
  hasDefault: boolean;
  description: string;
}

interface InputPaths {
  values: InputPath[];
  /** The paths of the lists that contain values. */
  lists: InputPath[];
}

const joined = (all: InputPaths[]): InputPaths => ({
  values: all.flatMap(({ values }) => values),
  lists: all.flatMap(({ lists }) => lists),
});

const CHOSEN = new Set(['id', 'manual']);

function pathsIn(place: Omit<InputPath, 'type' | 'required'>, type: GraphQLInputType): InputPaths {
  const own: InputPath = { ...place, type: getNamedType(type), required: isNonNullType(type) };
  const inner = getNullableType(type);
  if (isListType(inner)) {
    const { values, lists } = pathsIn({ ...place, name: `${place.name}.0`, hasDefault: false }, inner.ofType);
    return { values, lists: [own, ...lists] };
  }
  if (!isInputObjectType(inner)) return { values: [own], lists: [] };
  // Of a `@oneOf` object only one field, because an input cannot have several: the ID, or that of the registry.
  const fields = Object.values(inner.getFields()).filter(({ name }) => !inner.isOneOf || CHOSEN.has(name));
  return joined(fields.map((field) => pathsOfField(place.mutation, `${place.name}.`, field)));
}

const pathsOfField = (mutation: string, prefix: string, { name, type, defaultValue, description }: GraphQLInputField) =>
  pathsIn(
    { mutation, name: `${prefix}${name}`, hasDefault: defaultValue !== undefined, description: description ?? '' },
    type,
  );

/** The paths of all values in the arguments of a query. They begin with the argument's name. */
export const argumentPaths = (query: RootField): InputPath[] =>
  query.args.flatMap(
    (arg) => pathsIn({ mutation: query.name, name: arg.name, hasDefault: false, description: '' }, arg.type).values,
  );

const allPaths = (names: string[]): InputPaths =>
  joined(names.flatMap((name) => inputFields(name).map((field) => pathsOfField(name, '', field))));

/** Whether a field of the path edits a list, such as `addTags`. */
const isEdit = ({ name }: InputPath): boolean => /(^|\.)(add|remove)[A-Z]/.test(name);

/** The paths of all values in the inputs of these mutations, except fields that edit a list. */
export function inputPaths(names: string[]): InputPaths {
  const { values, lists } = allPaths(names);
  const isOrdinary = (each: InputPath): boolean => !isEdit(each);
  return { values: values.filter(isOrdinary), lists: lists.filter(isOrdinary) };
}

/** The paths of all values in fields that edit a list. The inputs of the registry do not have these fields. */
export const editPaths = (names: string[]): InputPath[] => allPaths(names).values.filter(isEdit);

/** The value at this path of the input. */
export const valueAt = (input: Json, path: string): Json =>
  path.split('.').reduce((value, step) => value?.[step], input);

/** The input with another value at this path; undefined omits the field. */
export const withValue = (input: Json, path: string, value: unknown): Json => replaced(input, path.split('.'), value);

function replaced(input: Json, [step = '', ...rest]: string[], value: unknown): Json {
  const next = rest.length > 0 ? replaced(input?.[step], rest, value) : value;
  const list = Array.isArray(input) ? input : input == null && /^\d+$/.test(step) ? [] : null;
  return list ? list.toSpliced(Number(step), 1, next) : { ...input, [step]: next };
}

/** The output field that corresponds to an input field. */
export interface OutputField {
  selection: string;
  read(object: Json): unknown;
}

/** `owner { id }` for `ownerId`, the list of policies for `policyIds`, else the field of the same name. */
export function outputOf(type: string, field: GraphQLInputField): OutputField {
  const { name } = field;
  const named = getNamedType(field.type);
  if (referencedBy(named as GraphQLInputType)) return referencesOf(type, name);
  if (isInputObjectType(named) && named.isOneOf) return outputOfUnion(type, name, named);
  if (isInputObjectType(named)) return itemsOf(type, name, Object.values(named.getFields()));
  if (name.endsWith('Id')) {
    const object = name.slice(0, -2);
    return { selection: `${object} { id }`, read: (parent) => parent[object]?.id ?? null };
  }
  if (name.endsWith('Ids')) {
    const list = listOfType(type, capitalized(name.slice(0, -3)));
    return { selection: `${list} { id }`, read: (parent) => parent[list].map(({ id }: Json) => id) };
  }
  return { selection: name, read: (object) => object[name] };
}

/** A reference, or a connection of the referenced objects. */
function referencesOf(type: string, name: string): OutputField {
  const field = (schema.getType(type) as GraphQLObjectType).getFields()[name];
  if (!field || !nodeOfList(field)) return { selection: `${name} { id }`, read: (object) => object[name] };
  return { selection: `${name} { nodes { id } }`, read: (object) => object[name].nodes };
}

/** One object, or a list of objects, with the fields of its input. */
function itemsOf(type: string, name: string, fields: GraphQLInputField[]): OutputField {
  const item = getNamedType((schema.getType(type) as GraphQLObjectType).getFields()[name]?.type)?.name ?? '';
  const shown = fields.map((field) => [field.name, outputOf(item, field)] as const);
  const read = (object: Json): Json => Object.fromEntries(shown.map(([key, output]) => [key, output.read(object)]));
  return {
    selection: `${name} { ${shown.map(([, { selection }]) => selection).join(' ')} }`,
    read: ({ [name]: value }) => (Array.isArray(value) ? value.map(read) : value && read(value)),
  };
}

/** The member of a union that corresponds to a field of a `@oneOf` input: `manual` to `ManualCheckSettings`. */
function outputOfUnion(type: string, name: string, input: GraphQLInputObjectType): OutputField {
  const union = getNamedType((schema.getType(type) as GraphQLObjectType).getFields()[name]?.type) as GraphQLUnionType;
  const members = Object.values(input.getFields()).map((field) => {
    const typename = `${capitalized(field.name)}${union.name}`;
    const inner = getNamedType(field.type);
    const fields = isInputObjectType(inner)
      ? Object.values(inner.getFields()).map((each) => [each.name, outputOf(typename, each)] as const)
      : [];
    return { field: field.name, typename, fields };
  });
  const on = members.map(
    ({ typename, fields }) =>
      `... on ${typename} { __typename ${fields.map(([, { selection }]) => selection).join(' ')} }`,
  );
  return {
    selection: `${name} { ${on.join(' ')} }`,
    read: (object) => {
      const { field = '', fields = [] } = members.find(({ typename }) => typename === object[name].__typename) ?? {};
      return { [field]: Object.fromEntries(fields.map(([each, { read }]) => [each, read(object[name])])) };
    },
  };
}

function listOfType(type: string, item: string): string {
  const fields = Object.values((schema.getType(type) as GraphQLObjectType).getFields());
  const field = fields.find((each) => isListType(getNullableType(each.type)) && getNamedType(each.type).name === item);
  if (!field) throw new Error(`${type} has no list of ${item}`);
  return field.name;
}

/** Leaf fields of the type without arguments. */
export const leafFields = (type: string): string[] =>
  Object.values((schema.getType(type) as GraphQLObjectType).getFields())
    .filter((field) => isLeafType(getNamedType(field.type)) && field.args.length === 0)
    .map(({ name }) => name);

export const capitalized = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
