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
import type { Answer, Caller, Json } from '../support/api.ts';
import { aimedAt, caseOf } from '../support/fixtures.ts';
import {
  capitalized,
  leavesOf,
  mutationNamed,
  mutations,
  nodeOfList,
  nodeTypes,
  type Place,
  placesOf,
  placesOfQuery,
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
export type Ask = (id: string) => [document: string, variables: Json];

/** The whole answer, with the id that was asked about made unrecognizable. */
export const told = ({ data, errors, status }: Answer, id: string): Json =>
  JSON.parse(JSON.stringify({ data, errors, status }).replaceAll(id, '<id>'));

/** Asks about this id, and about one that is not there: both must be told the same. Returns what they are told. */
export async function expectAlike(caller: Caller, ask: Ask, id: string): Promise<Json> {
  const unknown = unknownId(id.split('_')[0] as IdPrefix);
  const [answer, noAnswer] = [await caller.query(...ask(id)), await caller.query(...ask(unknown))];
  expect(told(answer, id), JSON.stringify(ask(id))).toEqual(told(noAnswer, unknown));
  return told(answer, id);
}

const PERMISSION = 'dataset:read';
const isId = ({ type }: Place): boolean => type.name === 'ID';

/** As `createCheck.categoryId` or `checks.filter.levelId`. */
export const titleOf = ({ mutation, name }: Place): string => `${mutation}.${name.replaceAll('.0', '')}`;
export const byTitle = (places: Place[]) => places.map((place) => [titleOf(place), place] as const);

export const idsInMutations = placesOf(mutations.map(({ name }) => name)).values.filter(isId);
export const idsInQueries = queries.flatMap(placesOfQuery).filter(isId);

const queryOf = ({ mutation }: Place): RootField => queries.find(({ name }) => name === mutation) as RootField;

/** What a query selects: all values of the object, and of a list the ids and their count. */
function selectionOf(field: RootField): string {
  const [type, node] = [getNamedType(field.type), nodeOfList(field)];
  if (isLeafType(type)) return '';
  if (node) return `{ totalCount ${leavesOf(node.name).includes('id') ? 'nodes { id }' : ''} }`;
  if (isInterfaceType(type)) return '{ __typename id }';
  return `{ ${leavesOf(type.name).join(' ')} }`;
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
export function questionAt(place: Place): Ask {
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
        caseOf(fixtures, mutation).then(({ input }) => input),
      );
    return inputs.get(mutation) as Promise<Input>;
  };
  return {
    /** The type of the id in the good input of this place; undefined where that has none. */
    async typeAt(place: Place): Promise<string | undefined> {
      const id = valueAt(await goodInput(place.mutation), place.name);
      return id && typedIdOf(id).typename;
    },
    /** The mutation about an id like this one, also about one that is not there. */
    async askAt(place: Place, id: string): Promise<Ask> {
      const good = await goodInput(place.mutation);
      const input =
        place.name === targetPath(place.mutation) ? await aimedAt(fixtures, place.mutation, good, id) : good;
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
export function typeNamed({ mutation, name }: Place): string | undefined {
  const steps = name.split('.').filter((step) => step !== '0');
  const last = (steps.at(-1) === 'id' ? (steps.at(-2) ?? mutation) : steps.at(-1)) ?? '';
  const type = capitalized(last.replace(/Ids?$/, ''));
  return nodeTypes.includes(type) ? type : undefined;
}

/** Which ids to try in a place: those of its own type, or of any type when it takes several, and a few others. */
export function chosen<T extends { type: string }>(all: T[], type: string | undefined, title: string): T[] {
  if (long) return all;
  const fitting = all.filter((each) => each.type === type);
  const others = all.filter((each) => each.type !== type);
  return [...fitting, ...sample(others, type ? 1 : 4, title)];
}
