import {
  type GraphQLInputType,
  type GraphQLResolveInfo,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
} from 'graphql';
import { storableText } from '../lib/storable.ts';

/** Characters of JSON of an input in an audit event, and limits of its parts. */
const MAX = { json: 4_000, text: 500, items: 50, depth: 20 };

const REDACTED = '[redacted]';

/**
 * The input of a refused mutation as its audit event contains it: without the fields that are declared `secret`, and
 * shortened, because the caller decides about its size.
 */
export function attemptedInput(input: unknown, { parentType, fieldName }: GraphQLResolveInfo): unknown {
  const type = parentType.getFields()[fieldName]?.args.find(({ name }) => name === 'input')?.type;
  return type && input != null ? bounded(storable(input, type)) : null;
}

/** Copies the fields that the type declares. */
function storable(value: unknown, type: GraphQLInputType): unknown {
  const nullable = getNullableType(type);
  if (isListType(nullable) && Array.isArray(value))
    return shortenedList(value).map((item) => storable(item, nullable.ofType));
  const named = getNamedType(nullable);
  if (!isInputObjectType(named) || typeof value !== 'object' || value === null) return plain(value);
  return Object.fromEntries(
    Object.values(named.getFields()).flatMap(({ name, type: own, extensions }) => {
      const given = (value as Record<string, unknown>)[name];
      if (given === undefined) return [];
      return [[name, extensions['secret'] && given !== null ? REDACTED : storable(given, own)]];
    }),
  );
}

/** A value of a scalar or enum. */
function plain(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return plainText(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth === MAX.depth) return '…';
  if (Array.isArray(value)) return shortenedList(value).map((item) => plain(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [plainText(name), plain(own, depth + 1)]));
}

const plainText = (text: string): string => storableText(shortened(text));

const shortened = (text: string): string => (text.length > MAX.text ? `${text.slice(0, MAX.text)}…` : text);

const shortenedList = (list: readonly unknown[]): unknown[] => list.slice(0, MAX.items);

/** If the input is too long, keeps the fields that fit and names the others in `omitted`. */
function bounded(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || lengthOf(input) <= MAX.json) return input;
  const kept: [string, unknown][] = [];
  const omitted: string[] = [];
  let length = 0;
  for (const [name, value] of Object.entries(input)) {
    const own = name.length + lengthOf(value);
    if (length + own <= MAX.json) {
      kept.push([name, value]);
      length += own;
    } else omitted.push(name);
  }
  return { ...Object.fromEntries(kept), omitted };
}

const lengthOf = (value: unknown): number => JSON.stringify(value)?.length ?? 0;
