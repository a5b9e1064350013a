import {
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
} from 'graphql';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { decodeId, typeOfPrefix } from '../../src/lib/ids.ts';
import type { Random } from '../http/random.ts';
import type { Json } from '../support/api.ts';

type Field = GraphQLField<unknown, unknown>;

/** A position in a list. */
export interface KnownCursor {
  field: string;
  /** The object that has the list. Undefined for a root field. */
  parent?: string | undefined;
  /** The filter and the order. */
  args: Record<string, Json>;
  cursor: string;
}

/** The values that exist in the database. */
export interface Known {
  ids: Record<string, string[]>;
  /** Values of arguments that identify an object, such as `alias`. */
  keys: Record<string, string[]>;
  cursors: KnownCursor[];
  /** Searches that find something. */
  searches: string[];
  times: string[];
}

export interface Vocabulary {
  argumentsOf(random: Random, field: Field, place: ArgumentPlace): Record<string, Json>;
  typeOf(id: unknown): string | undefined;
}

interface ArgumentPlace {
  budget: number;
  parent: string | undefined;
}

/** Texts that would change a statement or a response if they were not escaped. */
export const HOSTILE = [
  '',
  ' ',
  `' or 1=1 --`,
  `'); select set_config('ambit.organization_id', '', true); --`,
  '$1',
  '$$x$$',
  '%',
  '_',
  '\\',
  '"},"errors":[{"message":"x"}],"x":{"',
  '\u001e\u001f\u2028',
  '🔒',
  'null',
  'x'.repeat(101),
];

const REFERENCED: Record<string, string[]> = {
  ownerId: ['Member'],
  projectId: ['Project'],
  roleId: ['Role'],
  userId: ['User'],
  principalId: ['Member', 'ServiceAccount'],
  credentialId: ['Session', 'ApiToken'],
  actorId: ['Member', 'User', 'ServiceAccount'],
};

export function createVocabulary({ ids, keys, cursors, searches, times }: Known): Vocabulary {
  const all = Object.values(ids).flat();

  const typeOf = (id: unknown): string | undefined => {
    const prefix = typeof id === 'string' ? decodeId(id)?.prefix : undefined;
    return prefix && typeOfPrefix(prefix);
  };

  /** The ID of an object of one of these types. Sometimes that of an object of another type, or no ID. */
  function idOf(random: Random, types: readonly string[]): string {
    if (random.oneIn(20)) return random.of(HOSTILE);
    if (random.oneIn(15)) return random.of(all);
    const known = types.flatMap((type) => ids[type] ?? []);
    return random.of(known.length > 0 ? known : all);
  }

  function scalar(random: Random, name: string, type: string, field: string): Json {
    if (name === 'id' || name === 'ids' || name === 'targetId') return idOf(random, [field]);
    if (REFERENCED[name]) return idOf(random, REFERENCED[name]);
    if (type === 'Boolean') return random.oneIn(2);
    if (type === 'DateTime') return random.of(times);
    if (type === 'Permission') return random.of([...PERMISSIONS.keys()]);
    if (type === 'Int') return random.below(4);
    const known = name === 'search' ? searches : (keys[name] ?? []);
    return random.oneIn(4) || known.length === 0 ? random.of(HOSTILE) : random.of(known);
  }

  function value(random: Random, name: string, type: GraphQLInputType, field: string): Json {
    if (!isNonNullType(type) && random.oneIn(25)) return null;
    const nullable = getNullableType(type);
    if (isListType(nullable))
      return Array.from({ length: random.below(4) }, () => value(random, name, nullable.ofType, field));
    const named = getNamedType(type);
    if (isEnumType(named)) return random.of(named.getValues()).name;
    if (isInputObjectType(named)) return object(random, named, field);
    return scalar(random, name, named.name, field);
  }

  function object(random: Random, type: GraphQLInputObjectType, field: string): Json {
    const fields = Object.values(type.getFields());
    const of = type.name.endsWith('Reference') ? type.name.slice(0, -'Reference'.length) : field;
    const one = random.of(fields);
    const chosen = type.isOneOf
      ? [one]
      : fields.filter((each) => each === one || isNonNullType(each.type) || random.oneIn(4));
    return Object.fromEntries(
      chosen.map((each) => {
        const given = value(random, each.name, each.type, of);
        return [each.name, type.isOneOf && given === null ? '' : given];
      }),
    );
  }

  function argumentsOf(random: Random, field: Field, { budget, parent }: ArgumentPlace): Record<string, Json> {
    const named = getNamedType(field.type).name;
    const takes = (name: string): boolean => field.args.some((arg) => arg.name === name);
    // A list that is not a connection takes `first` alone.
    const isPaged = takes('after');
    const matching = cursors.filter(
      (known) => known.field === field.name && known.parent === parent && Object.keys(known.args).every(takes),
    );
    const position =
      isPaged && random.oneIn(parent === undefined ? 3 : 8) && matching.length > 0 ? random.of(matching) : undefined;
    const other = field.args.filter(({ name }) => !isPaged || !PAGING.has(name));
    // One of several keys, such as the ID or the alias.
    const key = other.length > 0 ? random.of(other) : undefined;
    const chosen = other.filter(
      (arg) => isRequiredArgument(arg) || (isPaged ? random.oneIn(3) : arg === key || random.oneIn(20)),
    );
    const args = Object.fromEntries(chosen.map((arg) => [arg.name, value(random, arg.name, arg.type, named)]));
    if (!isPaged) return args;
    return {
      ...(position ? position.args : args),
      ...pageArguments(random, budget, position?.cursor ?? wrongCursor(random)),
    };
  }

  const wrongCursor = (random: Random): string | undefined => {
    if (!random.oneIn(20)) return undefined;
    return random.oneIn(2) && cursors.length > 0 ? random.of(cursors).cursor : random.of([...HOSTILE, ...FORGED]);
  };

  return { argumentsOf, typeOf };
}

const PAGING = new Set(['first', 'last', 'after', 'before']);

/** Cursors that decode, with values of other types. */
const FORGED = [[], ['k'], ['k', 1], ['k', "' or 1=1", 'x'], { a: 1 }, ['k', null, null]].map((parts) =>
  Buffer.from(JSON.stringify(parts)).toString('base64url'),
);

function pageArguments(random: Random, budget: number, cursor: string | undefined): Record<string, Json> {
  const sizes = [0, 1, 1, 2, 2, 3, 5, 10, 50, 500].filter((size) => size <= Math.max(2, budget));
  const size = random.oneIn(40) ? random.of([501, -1]) : random.of(sizes);
  const isOmitted = budget >= 50 && random.oneIn(4);
  const backward = random.oneIn(4);
  const count = isOmitted ? {} : { [backward ? 'last' : 'first']: size };
  const both = random.oneIn(40) ? { last: 1 } : {};
  return { ...count, ...both, ...(cursor !== undefined && { [random.oneIn(3) ? 'before' : 'after']: cursor }) };
}
