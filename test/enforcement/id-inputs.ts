import {
  getNamedType,
  getNullableType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { expect } from 'vitest';
import { type IdPrefix, typedIdOf } from '../../src/lib/ids.ts';
import type { ApiResponse, Caller, Json } from '../support/api.ts';
import { validCase, withTarget } from '../support/fixtures.ts';
import {
  argumentPaths,
  capitalized,
  type InputPath,
  inputPaths,
  leafFields,
  mutationNamed,
  mutations,
  nodeOfList,
  nodeTypes,
  queries,
  type RootField,
  targetPath,
  valueAt,
  withValue,
} from '../support/introspect.ts';
import type { Fixtures, Input } from '../support/resource.ts';
import { sample } from '../support/sample.ts';
import { long } from '../support/size.ts';
import { operationOf, unknownId } from './support.ts';

/** Every place of the schema where an id goes, with an operation that is right but for the id. */

/** An operation about this id. */
export type OperationWithId = (id: string) => [document: string, variables: Json];

/** The whole answer, with the id that was asked about made unrecognizable. */
export const withoutId = ({ data, errors, status }: ApiResponse, id: string): Json =>
  JSON.parse(JSON.stringify({ data, errors, status }).replaceAll(id, '<id>'));

/** Asks about this id, and about one that is not there: both must be told the same. Returns what they are told. */
export async function expectSameResponse(caller: Caller, ask: OperationWithId, id: string): Promise<Json> {
  const unknown = unknownId(id.split('_')[0] as IdPrefix);
  const [answer, noAnswer] = [await caller.query(...ask(id)), await caller.query(...ask(unknown))];
  expect(withoutId(answer, id), JSON.stringify(ask(id))).toEqual(withoutId(noAnswer, unknown));
  return withoutId(answer, id);
}

const PERMISSION = 'dataset:read';
const isId = ({ type }: InputPath): boolean => type.name === 'ID';

/** As `createCheck.categoryId` or `checks.filter.levelId`. */
export const titleOf = ({ mutation, name }: InputPath): string => `${mutation}.${name.replaceAll('.0', '')}`;
export const byTitle = (places: InputPath[]) => places.map((place) => [titleOf(place), place] as const);

export const idsInMutations = inputPaths(mutations.map(({ name }) => name)).values.filter(isId);
export const idsInQueries = queries.flatMap(argumentPaths).filter(isId);

const queryOf = ({ mutation }: InputPath): RootField => queries.find(({ name }) => name === mutation) as RootField;

/** What a query selects: all values of the object, and of a list the ids and their count. */
function selectionOf(field: RootField): string {
  const [type, node] = [getNamedType(field.type), nodeOfList(field)];
  if (isLeafType(type)) return '';
  if (node) return `{ totalCount ${leafFields(node.name).includes('id') ? 'nodes { id }' : ''} }`;
  if (isInterfaceType(type)) return '{ __typename id }';
  return `{ ${leafFields(type.name).join(' ')} }`;
}

/** An argument with a permission wherever one is needed, and with nothing that is not. */
function sampleOf({ type }: RootField['args'][number]): Json {
  const named = getNamedType(type);
  const required = isInputObjectType(named) ? Object.values(named.getFields()).filter(isRequiredInputField) : [];
  const one = isInputObjectType(named)
    ? Object.fromEntries(required.map(({ name }) => [name, PERMISSION]))
    : PERMISSION;
  return isListType(getNullableType(type)) ? [one] : one;
}

/** A query with this id in its place. */
export function queryAt(place: InputPath): OperationWithId {
  const field = queryOf(place);
  const [argument = ''] = place.name.split('.');
  const args = field.args.filter(
    (arg) => arg.name === argument || isRequiredArgument(arg) || getNamedType(arg.type).name === 'Permission',
  );
  const declared = args.map((arg) => `$${arg.name}: ${arg.type}`).join(', ');
  const passed = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  const document = `query (${declared}) { ${field.name}(${passed}) ${selectionOf(field)} }`;
  const given = Object.fromEntries(args.map((arg) => [arg.name, sampleOf(arg)]));
  return (id) => [document, withValue(given, place.name, id)];
}

/** A good input for each mutation, made once, in which an id is then replaced. */
export function inputsOf(fixtures: Fixtures) {
  const inputs = new Map<string, Promise<Input>>();
  const goodInput = (mutation: string): Promise<Input> => {
    if (!inputs.has(mutation))
      inputs.set(
        mutation,
        validCase(fixtures, mutation).then(({ input }) => input),
      );
    return inputs.get(mutation) as Promise<Input>;
  };
  return {
    /** The type of the id in the good input of this place; undefined where that has none. */
    async typeAt(place: InputPath): Promise<string | undefined> {
      const id = valueAt(await goodInput(place.mutation), place.name);
      return id && typedIdOf(id).typename;
    },
    /** The mutation about an id like this one, also about one that is not there. */
    async askAt(place: InputPath, id: string): Promise<OperationWithId> {
      const good = await goodInput(place.mutation);
      const input =
        place.name === targetPath(place.mutation) ? await withTarget(fixtures, place.mutation, good, id) : good;
      return (asked) => mutationAt(place.mutation, withId(input, place.name, asked));
    },
  };
}

/** Puts the id in its place; in a list of ids, after the good ones. */
function withId(input: Input, path: string, id: string): Input {
  const [, list] = /^(.+)\.0$/.exec(path) ?? [];
  return withValue(input, list ? `${list}.${valueAt(input, list)?.length ?? 0}` : path, id);
}

const mutationAt = (mutation: string, input: Json): [string, Json] =>
  operationOf('Mutation', mutationNamed(mutation) as RootField, { input });

/** The type that the name of a place speaks of: `categoryId` of Category. */
export function typeNamed({ mutation, name }: InputPath): string | undefined {
  const steps = name.split('.').filter((step) => step !== '0');
  const last = (steps.at(-1) === 'id' ? (steps.at(-2) ?? mutation) : steps.at(-1)) ?? '';
  const type = capitalized(last.replace(/Ids?$/, ''));
  return nodeTypes.includes(type) ? type : undefined;
}

/** Which ids to try in a place: those of its own type, or of any type when it takes several, and a few others. */
export function sampleIds<T extends { type: string }>(all: T[], type: string | undefined, title: string): T[] {
  if (long) return all;
  const fitting = all.filter((each) => each.type === type);
  const others = all.filter((each) => each.type !== type);
  return [...fitting, ...sample(others, type ? 2 : 5, title)];
}
