import {
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
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

/** The verb and type of `createCheck`; undefined for a mutation of another form, and for a type without an id. */
export function verbAndType(mutation: string): { verb: 'create' | 'update' | 'delete'; type: string } | undefined {
  const [, verb, name = ''] = /^(create|update|delete)([A-Z].*)$/.exec(mutation) ?? [];
  // `createInvitations` creates several.
  const type = nodeTypes.find((each) => name === each || (verb === 'create' && name === `${each}s`));
  return type === undefined ? undefined : { verb: verb as 'create', type };
}

/** The mutation that creates objects of this type: `createCheck`, or `createInvitations`. */
export const createMutationOf = (type: string): string =>
  mutations.find(({ name }) => name === `create${type}s`)?.name ?? `create${type}`;

/** Fields of the mutation's one input object. */
export function inputFields(mutation: string): GraphQLInputField[] {
  const type = getNamedType(mutationNamed(mutation)?.args[0]?.type);
  return isInputObjectType(type) ? Object.values(type.getFields()) : [];
}

export const takes = (mutation: string, field: string): boolean =>
  inputFields(mutation).some(({ name }) => name === field);

/** The type of `CategoryReference`, which names an object by its id or its alias; undefined for another type. */
export function referencedBy(type: GraphQLInputType | undefined): string | undefined {
  const named = getNamedType(type);
  return isInputObjectType(named) && named.isOneOf && named.getFields()['id']
    ? named.name.replace(/Reference$/, '')
    : undefined;
}

const uncapitalized = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);

/** The field with which the input of a mutation names the object that it is about: `id`, or `category`. */
export function targetOf(mutation: string): string | undefined {
  if (takes(mutation, 'id')) return 'id';
  const type = mutation.replace(/^[a-z]+/, '');
  return inputFields(mutation).find((field) => field.name === uncapitalized(type) && referencedBy(field.type))?.name;
}

/** Where the id of that object is: `id`, or `category.id`. */
export function targetPath(mutation: string): string | undefined {
  const target = targetOf(mutation);
  return target && target !== 'id' ? `${target}.id` : target;
}

/** The field of an input for the reference `categoryId`: of that name, or `category`, which takes an id or an alias. */
export function referenceOf(mutation: string, name: string): string | undefined {
  if (takes(mutation, name)) return name;
  const field = inputFields(mutation).find((each) => `${each.name}Id` === name);
  return referencedBy(field?.type) && field?.name;
}

/** The input as the mutation takes it: the registry names objects by `id` and `categoryId` everywhere. */
export function formed(mutation: string, input: Record<string, Json>): Record<string, Json> {
  const entries = Object.entries(input).map(([name, value]) => {
    const field = name === 'id' ? targetOf(mutation) : referenceOf(mutation, name);
    if (!field || field === name) return [name, value];
    return [field, value === null ? null : { id: value }];
  });
  return Object.fromEntries(entries);
}

/** What the payload calls the object: `check` of `createCheck`, `invitations` of `createInvitations`. */
export function resultOf(mutation: string): string {
  const { type } = verbAndType(mutation) ?? {};
  const payload = getNamedType(mutationNamed(mutation)?.type) as GraphQLObjectType;
  const field = Object.values(payload.getFields()).find((each) => getNamedType(each.type).name === type);
  if (!field) throw new Error(`the payload of ${mutation} has no field of type ${type}`);
  return field.name;
}

/** What a paged list lists; undefined for a field of another type. */
export function nodeOfList(field: RootField): GraphQLNamedType | undefined {
  const type = getNamedType(field.type);
  if (!isObjectType(type) || !type.name.endsWith('Connection')) return undefined;
  return getNamedType(type.getFields()['nodes']?.type) as GraphQLNamedType;
}

/** Root fields that list objects of this type. */
export const listsOf = (type: string): RootField[] => queries.filter((field) => nodeOfList(field)?.name === type);

/** Types of which an object can belong to a project. */
export const typesInProjects = nodeTypes.filter((type) => takes(createMutationOf(type), 'projectId'));

/** Whether every object of the type belongs to a project: none can be created without. */
export const isOfProject = (type: string): boolean =>
  inputFields(createMutationOf(type)).some((field) => field.name === 'projectId' && isNonNullType(field.type));

/** The permission that `@requires` names on a root field. */
export const permissionOf = (field: RootField | undefined): string | undefined =>
  (field?.extensions['guard'] as { rule: { permission?: string } } | undefined)?.rule.permission;

/** A single value in a mutation's input: a field, the first item of a list, or a field of that item. */
export interface Place {
  /** Or query. */
  mutation: string;
  /** The path, such as `statements.0.effect`. */
  name: string;
  type: GraphQLNamedType;
  required: boolean;
  hasDefault: boolean;
  description: string;
}

interface Places {
  values: Place[];
  /** The lists on the way, as a whole. */
  lists: Place[];
}

const joined = (all: Places[]): Places => ({
  values: all.flatMap(({ values }) => values),
  lists: all.flatMap(({ lists }) => lists),
});

function placesIn(place: Omit<Place, 'type' | 'required'>, type: GraphQLInputType): Places {
  const own: Place = { ...place, type: getNamedType(type), required: isNonNullType(type) };
  const inner = getNullableType(type);
  if (isListType(inner)) {
    const { values, lists } = placesIn({ ...place, name: `${place.name}.0`, hasDefault: false }, inner.ofType);
    return { values, lists: [own, ...lists] };
  }
  if (!isInputObjectType(inner)) return { values: [own], lists: [] };
  // Of an id or an alias, the id: not both can be given.
  const fields = Object.values(inner.getFields()).filter(({ name }) => !referencedBy(inner) || name === 'id');
  return joined(fields.map((field) => placesOfField(place.mutation, `${place.name}.`, field)));
}

const placesOfField = (
  mutation: string,
  prefix: string,
  { name, type, defaultValue, description }: GraphQLInputField,
) =>
  placesIn(
    { mutation, name: `${prefix}${name}`, hasDefault: defaultValue !== undefined, description: description ?? '' },
    type,
  );

/** Every place for a value in an argument of a query, with the argument's name first. */
export const placesOfQuery = (query: RootField): Place[] =>
  query.args.flatMap(
    (arg) => placesIn({ mutation: query.name, name: arg.name, hasDefault: false, description: '' }, arg.type).values,
  );

/** Every place for a value in the input of these mutations, except those that edit a list, such as `addTags`. */
export const placesOf = (names: string[]): Places =>
  joined(
    names.flatMap((name) =>
      inputFields(name)
        .filter((field) => !/^(add|remove)[A-Z]/.test(field.name))
        .map((field) => placesOfField(name, '', field)),
    ),
  );

/** The value in this place of an input. */
export const valueAt = (input: Json, path: string): Json =>
  path.split('.').reduce((value, step) => value?.[step], input);

/** The input with another value in this place; undefined leaves it out. */
export const withValue = (input: Json, path: string, value: unknown): Json => replaced(input, path.split('.'), value);

function replaced(input: Json, [step = '', ...rest]: string[], value: unknown): Json {
  const next = rest.length > 0 ? replaced(input?.[step], rest, value) : value;
  return Array.isArray(input) ? input.toSpliced(Number(step), 1, next) : { ...input, [step]: next };
}

/** How an object shows what an input field has set. */
export interface Shown {
  selection: string;
  read(object: Json): unknown;
}

/** `ownerId` is shown by `owner { id }`, `policyIds` by the list of policies, anything else by the field of its name. */
export function shownBy(type: string, field: GraphQLInputField): Shown {
  const { name } = field;
  const named = getNamedType(field.type);
  if (referencedBy(named as GraphQLInputType)) return { selection: `${name} { id }`, read: (object) => object[name] };
  if (isInputObjectType(named))
    return {
      selection: `${name} { ${Object.keys(named.getFields()).join(' ')} }`,
      read: (object) => object[name],
    };
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

function listOfType(type: string, item: string): string {
  const fields = Object.values((schema.getType(type) as GraphQLObjectType).getFields());
  const field = fields.find((each) => isListType(getNullableType(each.type)) && getNamedType(each.type).name === item);
  if (!field) throw new Error(`${type} has no list of ${item}`);
  return field.name;
}

/** Fields of the type that hold a value and take no arguments. */
export const leavesOf = (type: string): string[] =>
  Object.values((schema.getType(type) as GraphQLObjectType).getFields())
    .filter((field) => isLeafType(getNamedType(field.type)) && field.args.length === 0)
    .map(({ name }) => name);

export const capitalized = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
