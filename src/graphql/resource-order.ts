import type { SortValue } from '../db/cursor.ts';
import { capitalized, nounOf } from '../lib/words.ts';
import { builder } from './builder.ts';
import { type AnyRow, columnOf, type Resource } from './resource-model.ts';

export interface Order {
  field: string;
  direction: 'ASC' | 'DESC';
}

export const OrderDirection = builder.enumType('OrderDirection', {
  description: 'The direction of a sort order.',
  values: {
    ASC: { description: 'Ascending: smallest or oldest first.' },
    DESC: { description: 'Descending: largest or newest first.' },
  } as const,
});

/** IDs are UUIDv7, so their order is the order of creation. */
export function sortKeys(resource: Resource, field: string) {
  const keys = field === 'createdAt' ? ['id'] : field === 'index' ? ['index'] : [field, 'id'];
  return keys.map((key) => ({ column: columnOf(resource, key), key: (row: AnyRow) => keyOf(row[key]) }));
}

const keyOf = (value: unknown): SortValue => (value instanceof Date ? value.toISOString() : (value as SortValue));

/** Words for an order. */
export const orderWords = (key: string): string =>
  key === 'createdAt'
    ? 'by time of creation'
    : key === 'updatedAt'
      ? 'by time of the last update'
      : key === 'index'
        ? 'by `index`'
        : `by ${nounOf(key.replace(/At$/, ''))}`;

/** The input type of the order. Null if there is only one order. */
export function orderInputOf(resource: Resource) {
  const { name, declaration } = resource;
  const { order, plural } = declaration;
  const describe = (key: string): string => {
    const note = columnOf(resource, key).notNull ? '' : ` Null is larger than all other values.`;
    return `${capitalized(orderWords(key))}.${note}`;
  };
  return order.length < 2 ? null : orderInput(name, nounOf(plural), order, describe);
}

/** The input type of the order of a list, by these keys. */
export function orderInput<Key extends string>(
  name: string,
  plural: string,
  keys: readonly Key[],
  describe: (key: Key) => string = (key) => `${capitalized(orderWords(key))}.`,
) {
  const values = Object.fromEntries(
    keys.map((key) => [constantOf(key), { value: key, description: describe(key) }]),
  ) as Record<string, { value: Key; description: string }>;
  const field = builder.enumType(`${name}OrderField`, {
    description: `The field by which ${plural} are ordered.`,
    values,
  });
  return builder.inputType(`${name}Order`, {
    description: `The order of ${plural}.`,
    fields: (t) => ({
      field: t.field({ type: field, required: true, description: 'The field by which the list is ordered.' }),
      direction: t.field({
        type: OrderDirection,
        required: true,
        defaultValue: 'ASC',
        description: 'The direction of the order.',
      }),
    }),
  });
}

const constantOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
