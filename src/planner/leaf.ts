import type { PgColumn } from 'drizzle-orm/pg-core';
import {
  type GraphQLLeafType,
  type GraphQLOutputType,
  getNullableType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
} from 'graphql';
import { type Cell, NotPlanned } from './model.ts';

interface Leaf {
  form: Cell['form'];
  /** JSON for the text of a cell that is not empty. */
  json: (cell: string) => string;
}

const asIs = (cell: string): string => cell;

/** JSON for a time as PostgreSQL writes it, such as `2026-01-31 09:30:00.123456+00`. */
function jsonOfTime(cell: string): string {
  const inUtc = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(cell);
  if (!inUtc) return JSON.stringify(timeOf(cell));
  const [, date, time, fraction = ''] = inUtc;
  return `"${date}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z"`;
}

function timeOf(cell: string): Date {
  const time = new Date(cell);
  if (Number.isNaN(time.getTime())) throw new NotPlanned('a time has an unknown format');
  return time;
}

const BOOLEANS: Readonly<Record<string, string>> = { t: 'true', f: 'false' };

const SCALARS: Readonly<Record<string, { dataTypes: readonly string[]; leaf: Leaf }>> = {
  String: { dataTypes: ['string'], leaf: { form: 'json', json: asIs } },
  Int: { dataTypes: ['number'], leaf: { form: 'text', json: asIs } },
  Float: { dataTypes: ['number'], leaf: { form: 'text', json: (cell) => JSON.stringify(Number(cell)) } },
  Boolean: { dataTypes: ['boolean'], leaf: { form: 'text', json: (cell) => BOOLEANS[cell] as string } },
  DateTime: { dataTypes: ['date'], leaf: { form: 'text', json: jsonOfTime } },
  JSON: { dataTypes: ['json'], leaf: { form: 'json', json: (cell) => JSON.stringify(JSON.parse(cell)) } },
};

/** How a column is written as a value of this type. */
function leafOf(type: GraphQLOutputType, column: PgColumn): Leaf {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return listOf(nullable.ofType, column);
  if (isEnumType(nullable)) return enumOf(nullable);
  const known = isLeafType(nullable) ? SCALARS[nullable.name] : undefined;
  if (!known?.dataTypes.includes(column.dataType)) throw new NotPlanned(`a ${type} is not written from a column`);
  return known.leaf;
}

function listOf(item: GraphQLOutputType, column: PgColumn): Leaf {
  if (column.dataType !== 'array' || String(item) !== 'String!') throw new NotPlanned('a list is not a column');
  return { form: 'json', json: asIs };
}

function enumOf(type: GraphQLLeafType): Leaf {
  const names = new Map<string, string>();
  return {
    form: 'text',
    json: (cell) => {
      const name = names.get(cell) ?? JSON.stringify(type.serialize(cell));
      names.set(cell, name);
      return name;
    },
  };
}

/** The form of a column in the result, and a function that writes it. */
export function leafWriter(type: GraphQLOutputType, column: PgColumn): { form: Cell['form']; json: Leaf['json'] } {
  const { form, json } = leafOf(type, column);
  const isRequired = isNonNullType(type);
  return {
    form,
    json: (cell) => {
      if (cell !== '') return json(cell);
      if (isRequired) throw new NotPlanned('a required value is missing');
      return 'null';
    },
  };
}

/** How the value of a column is read, as Drizzle does it. */
export function decoderOf(column: PgColumn): { form: Cell['form']; decode: (cell: string) => unknown } {
  const decode = DECODERS[column.dataType];
  if (!decode) throw new NotPlanned(`values of ${column.name} are not read from a text`);
  return {
    form: JSON_TYPES.has(column.dataType) ? 'json' : 'text',
    decode: (cell) => (cell === '' ? null : decode(cell)),
  };
}

const JSON_TYPES = new Set(['string', 'json', 'array']);

const DECODERS: Readonly<Record<string, (cell: string) => unknown>> = {
  string: JSON.parse,
  json: JSON.parse,
  array: JSON.parse,
  number: Number,
  boolean: (cell) => cell === 't',
  date: timeOf,
};
