import {
  type GraphQLInputType,
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
import type { Api, ApiResponse, Caller, Json } from '../support/api.ts';
import { validCase, withTarget } from '../support/fixtures.ts';
import {
  argumentPaths,
  capitalized,
  createMutationOf,
  editPaths,
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
  verbAndType,
  withValue,
} from '../support/introspect.ts';
import type { Fixtures, Input } from '../support/resource.ts';
import { sample } from '../support/sample.ts';
import { long } from '../support/size.ts';
import { operationOf, unknownId } from './support.ts';

/** Every input of the schema that takes an ID, with an operation that is valid except for the ID. */

/** Returns an operation with this ID. */
export type OperationWithId = (id: string) => [document: string, variables: Json];

/** The response, with the ID of the request replaced by a placeholder. */
export const withoutId = ({ data, errors, status }: ApiResponse, id: string): Json =>
  JSON.parse(JSON.stringify({ data, errors, status }).replaceAll(id, '<id>'));

/** Expects the same response for this ID and for an unknown one, and returns it. */
export async function expectSameResponse(caller: Caller, ask: OperationWithId, id: string): Promise<Json> {
  const unknown = unknownId(id.split('_')[0] as IdPrefix);
  const [answer, noAnswer] = [await caller.query(...ask(id)), await caller.query(...ask(unknown))];
  expect(withoutId(answer, id), JSON.stringify(ask(id))).toEqual(withoutId(noAnswer, unknown));
  return withoutId(answer, id);
}

/** The same for a mutation. The attempt also counts against the same rate limits as one with an unknown ID. */
export async function expectSameRefusal(api: Api, caller: Caller, ask: OperationWithId, id: string): Promise<Json> {
  const counts: Record<string, number>[] = [await countersOf(api)];
  const counted: Caller = {
    ...caller,
    query: async (...operation) => {
      const answer = await caller.query(...operation);
      counts.push(await countersOf(api));
      return answer;
    },
  };
  const answer = await expectSameResponse(counted, ask, id);
  const [before = {}, between = {}, after = {}] = counts;
  expect(increases(before, between), JSON.stringify(ask(id))).toEqual(increases(between, after));
  return answer;
}

/** The points of each counter of a rate limit. */
async function countersOf(api: Api): Promise<Record<string, number>> {
  const rows = await api.root`select key, points from rate_limits order by key`;
  return Object.fromEntries(rows.map(({ key, points }) => [key, points]));
}

const increases = (before: Record<string, number>, after: Record<string, number>) =>
  Object.entries(after).flatMap(([key, points]) => {
    const increase = points - (before[key] ?? 0);
    return increase === 0 ? [] : [[key, increase]];
  });

const PERMISSION = 'dataset:read';
const isId = ({ type }: InputPath): boolean => type.name === 'ID';

/** For example `createCheck.categoryId` or `checks.filter.levelId`. */
export const titleOf = ({ mutation, name }: InputPath): string => `${mutation}.${name.replaceAll('.0', '')}`;
export const byTitle = (paths: InputPath[]) => paths.map((inputPath) => [titleOf(inputPath), inputPath] as const);

const names = mutations.map(({ name }) => name);
const edits = editPaths(names).filter(isId);
const removes = ({ name }: InputPath): boolean => /(^|\.)remove[A-Z]/.test(name);
export const idsInMutations = [
  ...inputPaths(names).values.filter(isId),
  ...edits.filter((inputPath) => !removes(inputPath)),
];
/** The IDs in fields such as `removeMembers`, which ignore what the object does not have. */
export const idsToRemove = edits.filter(removes);
export const idsInQueries = queries.flatMap(argumentPaths).filter(isId);

const queryOf = ({ mutation }: InputPath): RootField => queries.find(({ name }) => name === mutation) as RootField;

/** The selection of a query: all leaf fields of an object; IDs and count of a list. */
function selectionOf(field: RootField): string {
  const [type, node] = [getNamedType(field.type), nodeOfList(field)];
  if (isLeafType(type)) return '';
  if (node) return `{ totalCount ${leafFields(node.name).includes('id') ? 'nodes { id }' : ''} }`;
  if (isInterfaceType(type)) return '{ __typename id }';
  return `{ ${leafFields(type.name).join(' ')} }`;
}

/** A value with the required fields only. Every leaf is a permission. */
function sampleOf({ type }: RootField['args'][number]): Json {
  const named = getNamedType(type);
  const required = isInputObjectType(named) ? Object.values(named.getFields()).filter(isRequiredInputField) : [];
  const one = isInputObjectType(named)
    ? Object.fromEntries(required.map(({ name }) => [name, PERMISSION]))
    : PERMISSION;
  return isListType(getNullableType(type)) ? [one] : one;
}

/**
 * The paths of the required fields that must be given with a value, such as `filter.scorecardLevel.scorecard` with the ID of the
 * level. The required fields of the argument itself are in its sample.
 */
function requiredBeside(type: GraphQLInputType | undefined, [step = '', ...rest]: string[], above: string[]): string[] {
  const named = getNamedType(type);
  if (!isInputObjectType(named) || isListType(getNullableType(type))) return [];
  const fields = Object.values(named.getFields());
  const beside = fields.filter((field) => above.length > 1 && field.name !== step && isRequiredInputField(field));
  const next = fields.find(({ name }) => name === step);
  return [
    ...beside.map(({ name }) => [...above, name].join('.')),
    ...(next ? requiredBeside(next.type, rest, [...above, step]) : []),
  ];
}

/** The query with the ID at this path. */
export function queryAt(inputPath: InputPath): OperationWithId {
  const field = queryOf(inputPath);
  const [argument = '', ...steps] = inputPath.name.split('.');
  const args = field.args.filter(
    (arg) => arg.name === argument || isRequiredArgument(arg) || getNamedType(arg.type).name === 'Permission',
  );
  const declared = args.map((arg) => `$${arg.name}: ${arg.type}`).join(', ');
  const passed = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  const document = `query (${declared}) { ${field.name}(${passed}) ${selectionOf(field)} }`;
  const own = args.find(({ name }) => name === argument);
  const given = requiredBeside(own?.type, steps, [argument]).reduce(
    (values, path) => withValue(values, `${path}.alias`, 'unknown'),
    Object.fromEntries(args.map((arg) => [arg.name, sampleOf(arg)])),
  );
  return (id) => [document, withValue(given, inputPath.name, id)];
}

/** Where the input of a new object has the edited list: `dependencies.0.id` for `services.0.addDependencies.0.id`. */
const whenCreated = ({ mutation, name }: InputPath) => ({
  mutation: createMutationOf(verbAndType(mutation)?.type ?? ''),
  name: name.replace(/^.*?(add|remove)(?=[A-Z])/, '').replace(/^./, (letter) => letter.toLowerCase()),
});

/** A valid input for each mutation, created once, in which an ID is then replaced. */
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
    /** The type of the ID at this path of the valid input, or undefined. */
    async typeAt(inputPath: InputPath): Promise<string | undefined> {
      await goodInput(inputPath.mutation);
      const { mutation, name } = edits.includes(inputPath) ? whenCreated(inputPath) : inputPath;
      const value = valueAt(await goodInput(mutation), name);
      const [id] = value && typeof value === 'object' ? Object.values(value) : [value];
      return id ? typedIdOf(id as string).typename : undefined;
    },
    /** The mutation with the ID at this path. */
    async askAt(inputPath: InputPath, id: string): Promise<OperationWithId> {
      const good = await goodInput(inputPath.mutation);
      const input =
        inputPath.name === targetPath(inputPath.mutation)
          ? await withTarget(fixtures, inputPath.mutation, good, id)
          : good;
      return (asked) => mutationAt(inputPath.mutation, withId(input, inputPath.name, asked));
    },
  };
}

/** Sets the ID at this path; in a list of IDs, after the valid ones. */
function withId(input: Input, path: string, id: string): Input {
  const [, list] = /^(.+)\.0$/.exec(path) ?? [];
  return withValue(input, list ? `${list}.${valueAt(input, list)?.length ?? 0}` : path, id);
}

const mutationAt = (mutation: string, input: Json): [string, Json] =>
  operationOf('Mutation', mutationNamed(mutation) as RootField, { input });

/** The type in the name of the input: Category for `categoryId`. */
export function typeNamed({ mutation, name }: InputPath): string | undefined {
  const steps = name.split('.').filter((step) => step !== '0');
  const last = (steps.at(-1) === 'id' ? (steps.at(-2) ?? mutation) : steps.at(-1)) ?? '';
  const type = capitalized(last.replace(/Ids?$/, ''));
  return nodeTypes.includes(type) ? type : undefined;
}

/** The IDs to try: those of the expected type, and a few others. All in a long run. */
export function sampleIds<T extends { type: string }>(all: T[], type: string | undefined, title: string): T[] {
  if (long) return all;
  const fitting = all.filter((each) => each.type === type);
  const others = all.filter((each) => each.type !== type);
  return [...fitting, ...sample(others, type ? 1 : 3, title)];
}
