import { setImmediate as soon } from 'node:timers';
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
import { type Dice, diceOf } from './random.ts';

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

/** What the resolvers of one execution share. */
export interface World {
  seed: string;
  /** How often what is promised comes late: 0 for never. */
  promises: number;
  /** How often something is wrong: one in so many. */
  trouble: number;
  /** Paths of the fields that were asked, in their order. */
  asked: string[];
  late: (() => void)[];
}

export const worldOf = (seed: string, { promises, trouble }: Pick<World, 'promises' | 'trouble'>): World => ({
  seed,
  promises,
  trouble,
  asked: [],
  late: [],
});

/** graphql-js leaves promises behind when a list or an object fails; nobody hears of their rejections. */
class Quiet<T> extends Promise<T> {
  // biome-ignore lint/suspicious/noThenProperty: a promise it is
  override then<A, B>(
    done?: ((value: T) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const next = super.then(done, failed);
    super.then.call(next, undefined, () => undefined);
    return next as Promise<A | B>;
  }
}

/** Promises of an execution are kept one after the other, each when all that follows from the one before is done. */
function late<T>(world: World, give: () => T): Promise<T> {
  if (world.late.length === 0) soon(keepOne, world);
  const promise = new Quiet<T>((resolve, reject) => {
    world.late.push(() => {
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

/** Resolves when nothing is to come any more, whoever still waits for it. */
export async function quiet(world: World): Promise<void> {
  do await setImmediate();
  while (world.late.length > 0);
}

function keepOne(world: World): void {
  world.late[0]?.();
  world.late.shift();
  if (world.late.length > 0) soon(keepOne, world);
}

/** Gives it now or later, or something else that is wrong. */
function deliver(world: World, dice: Dice, value: () => unknown): unknown {
  const give = dice.oneIn(world.trouble) ? dice.of(TROUBLES) : value;
  return world.promises > 0 && dice.oneIn(world.promises) ? late(world, give) : give();
}

const TROUBLES: (() => unknown)[] = [
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

function* failing(items: unknown[]): Generator<unknown> {
  yield* items;
  throw new Error('the list ends badly');
}

function listOf(world: World, dice: Dice, item: GraphQLOutputType): unknown {
  const items = Array.from({ length: dice.below(4) }, () => deliver(world, dice, givenFor(world, dice, item)));
  if (dice.oneIn(6)) return new Set(items);
  return dice.oneIn(world.trouble) ? failing(items) : items;
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

function givenFor(world: World, dice: Dice, type: GraphQLOutputType): () => unknown {
  const value = isNonNullType(type) ? type.ofType : type;
  if (isListType(value)) return () => listOf(world, dice, value.ofType);
  const { name } = getNamedType(value);
  const badly = dice.oneIn(world.trouble);
  const { good, bad } = LEAVES[name] ?? KINDS[name] ?? { good: [name], bad: [name] };
  const chosen = dice.of(badly ? bad : good);
  return LEAVES[name] ? () => chosen : () => ({ kind: chosen, badly: dice.oneIn(world.trouble), later: dice.oneIn(3) });
}

function resolve(_source: unknown, args: unknown, world: World, info: GraphQLResolveInfo): unknown {
  const path: (string | number)[] = [];
  for (let at: typeof info.path | undefined = info.path; at; at = at.prev) path.unshift(at.key);
  const said = `${path.join('.')} ${info.parentType.name}.${info.fieldName} ${JSON.stringify(args)}`;
  world.asked.push(said);
  if (info.fieldName === 'echo') return said;
  const dice = diceOf(`${world.seed} ${said}`);
  return deliver(world, dice, givenFor(world, dice, info.returnType));
}

interface Thing {
  kind: string;
  badly: boolean;
  later: boolean;
}

/** The type's name, now or later, or what is none. */
function resolveType({ kind, badly, later }: Thing, world: World): unknown {
  const name = (): unknown => {
    if (badly && kind === 'Robot') throw new Error('of no type');
    return badly ? null : kind;
  };
  return later && world.promises > 0 ? late(world, name) : name();
}

const isTypeOf =
  (type: string) =>
  ({ kind, badly, later }: Thing, world: World): boolean | Promise<boolean> => {
    const is = (): boolean => kind === type && !badly;
    return later && world.promises > 0 ? late(world, is) : is();
  };

/** Pets are known by `isTypeOf`, beings and what is in unions by `resolveType`. A lenient schema lets every field be null. */
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
