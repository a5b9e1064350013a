import { setImmediate as scheduleTask } from 'node:timers';
import { setImmediate } from 'node:timers/promises';
import {
  buildSchema,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLScalarType,
  type GraphQLSchema,
  type GraphQLUnionType,
  getNamedType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { type Random, randomOf } from './random.ts';

const FIELDS = `
  id: ID!
  name(upper: Boolean = false): String
  sound: Sound
  odd: Odd
  sure: Odd!
  count: Int!
  mate: Being
  mates: [Being]
  sureMates: [Being!]
  names: [String!]!
  grid: [[Int!]]
  rows: [[Any!]!]
  pet: Pet!
  pets: [Pet]!
  any: Any
  cat: Cat
  dog: Dog!
  bones: [Int!]!`;

const sdlOf = (fields: string): string => `
  interface Being { ${fields} }
  interface Pet implements Being { ${fields} }
  type Cat implements Being & Pet { ${fields} }
  type Dog implements Being & Pet { ${fields} }
  type Robot implements Being { ${fields} }
  union Any = Cat | Dog | Robot
  enum Sound { MEOW WOOF }
  scalar Odd
  input Box { size: Int! = 3, inner: Box, sound: Sound = MEOW }
  type Query {
    echo(a: Boolean!, b: Boolean!, c: Boolean, maybe: Boolean = true, s: String = "said", n: Boolean!, e: Sound = WOOF, in: Box): String
    ${fields}
  }
  type Mutation { echo(a: Boolean!, b: Boolean!, c: Boolean, maybe: Boolean, s: String, n: Boolean, e: Sound, in: Box): String ${fields} }
`;

/** The shared state of the resolvers of one execution. */
export interface World {
  seed: string;
  /** One in this many values is returned as a promise. 0 for none. */
  promises: number;
  /** One in this many values is wrong. */
  faults: number;
  /** The fields that were resolved, in their order. */
  resolved: string[];
  pending: (() => void)[];
}

export const worldOf = (seed: string, { promises, faults }: Pick<World, 'promises' | 'faults'>): World => ({
  seed,
  promises,
  faults,
  resolved: [],
  pending: [],
});

/** When a list or an object fails, graphql-js does not await its other promises. Their rejections must not be reported. */
class HandledPromise<T> extends Promise<T> {
  // biome-ignore lint/suspicious/noThenProperty: a subclass of Promise overrides it
  override then<A, B>(
    done?: ((value: T) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const next = super.then(done, failed);
    super.then.call(next, undefined, () => undefined);
    return next as Promise<A | B>;
  }
}

/** The promises of an execution resolve one after the other, each after all consequences of the previous one. */
function promiseOf<T>(world: World, give: () => T): Promise<T> {
  if (world.pending.length === 0) scheduleTask(settleNext, world);
  const promise = new HandledPromise<T>((resolve, reject) => {
    world.pending.push(() => {
      try {
        resolve(give());
      } catch (error) {
        reject(error);
      }
    });
  });
  promise.then(undefined, () => undefined);
  return promise;
}

/** Resolves when all promises of the execution are settled, also those that are not awaited. */
export async function whenSettled(world: World): Promise<void> {
  do await setImmediate();
  while (world.pending.length > 0);
}

function settleNext(world: World): void {
  world.pending[0]?.();
  world.pending.shift();
  if (world.pending.length > 0) scheduleTask(settleNext, world);
}

/** Returns the value or a promise of it, or sometimes a wrong value. */
function deliver(world: World, random: Random, value: () => unknown): unknown {
  const give = random.oneIn(world.faults) ? random.of(WRONG_VALUES) : value;
  return world.promises > 0 && random.oneIn(world.promises) ? promiseOf(world, give) : give();
}

const WRONG_VALUES: (() => unknown)[] = [
  () => null,
  () => undefined,
  () => new Error('given'),
  () => {
    throw new Error('thrown');
  },
  () => {
    throw 'a text';
  },
  () => 'neither list nor object',
  () => Number.NaN,
];

function* failAtEnd(items: unknown[]): Generator<unknown> {
  yield* items;
  throw new Error('the list fails at its end');
}

function listOf(world: World, random: Random, item: GraphQLOutputType): unknown {
  const items = Array.from({ length: random.below(4) }, () => deliver(world, random, valueFor(world, random, item)));
  if (random.oneIn(6)) return new Set(items);
  return random.oneIn(world.faults) ? failAtEnd(items) : items;
}

const LEAVES: Record<string, { good: readonly unknown[]; bad: readonly unknown[] }> = {
  ID: { good: ['id', 7], bad: [{}] },
  String: { good: ['text', '', true, 0], bad: [{}] },
  Int: { good: [1, 0, -1, '3'], bad: [2 ** 31, 'one', 0.5] },
  Sound: { good: ['MEOW', 'WOOF'], bad: ['MOO', 0] },
  Odd: { good: [1, 3, { deep: [1, null] }], bad: ['void', 2] },
};

const KINDS: Record<string, { good: readonly string[]; bad: readonly string[] }> = {
  Being: { good: ['Cat', 'Dog', 'Robot'], bad: ['Nobody'] },
  Pet: { good: ['Cat', 'Dog'], bad: ['Robot'] },
  Any: { good: ['Cat', 'Dog', 'Robot'], bad: ['Sound', 'Being'] },
};

function valueFor(world: World, random: Random, type: GraphQLOutputType): () => unknown {
  const value = isNonNullType(type) ? type.ofType : type;
  if (isListType(value)) return () => listOf(world, random, value.ofType);
  const { name } = getNamedType(value);
  const isWrong = random.oneIn(world.faults);
  const { good, bad } = LEAVES[name] ?? KINDS[name] ?? { good: [name], bad: [name] };
  const chosen = random.of(isWrong ? bad : good);
  return LEAVES[name]
    ? () => chosen
    : () => ({ kind: chosen, isWrong: random.oneIn(world.faults), later: random.oneIn(3) });
}

function resolve(_source: unknown, args: unknown, world: World, info: GraphQLResolveInfo): unknown {
  const path: (string | number)[] = [];
  for (let at: typeof info.path | undefined = info.path; at; at = at.prev) path.unshift(at.key);
  const call = `${path.join('.')} ${info.parentType.name}.${info.fieldName} ${JSON.stringify(args)}`;
  world.resolved.push(call);
  if (info.fieldName === 'echo') return call;
  const random = randomOf(`${world.seed} ${call}`);
  return deliver(world, random, valueFor(world, random, info.returnType));
}

interface Thing {
  kind: string;
  isWrong: boolean;
  later: boolean;
}

/** The name of the type or a promise of it, or sometimes a wrong value. */
function resolveType({ kind, isWrong, later }: Thing, world: World): unknown {
  const name = (): unknown => {
    if (isWrong && kind === 'Robot') throw new Error('of no type');
    return isWrong ? null : kind;
  };
  return later && world.promises > 0 ? promiseOf(world, name) : name();
}

const isTypeOf =
  (type: string) =>
  ({ kind, isWrong, later }: Thing, world: World): boolean | Promise<boolean> => {
    const matches = (): boolean => kind === type && !isWrong;
    return later && world.promises > 0 ? promiseOf(world, matches) : matches();
  };

/** `isTypeOf` decides the type of a Pet, `resolveType` of a Being and of Any. In a lenient schema every field is nullable. */
export function syntheticSchema({ lenient = false } = {}): GraphQLSchema {
  const schema = buildSchema(sdlOf(lenient ? FIELDS.replaceAll('!', '') : FIELDS));
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) field.resolve = resolve as never;
  }
  for (const name of ['Being', 'Any'])
    (schema.getType(name) as GraphQLInterfaceType | GraphQLUnionType).resolveType = resolveType as never;
  for (const name of ['Cat', 'Dog', 'Robot'])
    (schema.getType(name) as GraphQLObjectType).isTypeOf = isTypeOf(name) as never;
  (schema.getType('Odd') as GraphQLScalarType).serialize = serializeOdd;
  return schema;
}

function serializeOdd(value: unknown): unknown {
  if (value === 'void') return undefined;
  if (value === 2) throw new Error('two is not odd');
  return value;
}
