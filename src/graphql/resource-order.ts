import { builder } from './builder.ts';
import { type AnyRow, columnOf, type Resource } from './resource-model.ts';
import { capitalized, nounOf } from './words.ts';

export interface Order {
  field: string;
  direction: 'ASC' | 'DESC';
}

const OrderDirection = builder.enumType('OrderDirection', {
  description: 'The direction of an order.',
  values: { ASC: { description: 'Ascending.' }, DESC: { description: 'Descending.' } } as const,
});

/** IDs are UUIDv7, so their order is the order of creation. */
export function sortKeys(resource: Resource, field: string) {
  const keys = field === 'createdAt' ? ['id'] : field === 'index' ? ['index'] : [field, 'id'];
  return keys.map((key) => ({ column: columnOf(resource, key), key: (row: AnyRow) => keyOf(row[key]) }));
}

const keyOf = (value: unknown): string | number =>
  value instanceof Date ? value.toISOString() : (value as string | number);

/** Words for an order. */
export const orderWords = (key: string): string =>
  key === 'createdAt'
    ? 'in the order of creation'
    : key === 'index'
      ? 'in the order of `index`'
      : `ordered by ${nounOf(key)}`;

/** The input type of the order. Null if there is only one order. */
export function orderInputOf({ name, declaration }: Resource) {
  const { order, plural } = declaration;
  if (order.length < 2) return null;
  const values = Object.fromEntries(
    order.map((key) => [constantOf(key), { value: key, description: `${capitalized(orderWords(key))}.` }]),
  );
  const field = builder.enumType(`${name}OrderField`, {
    description: `What ${nounOf(plural)} can be ordered by.`,
    values,
  });
  return builder.inputType(`${name}Order`, {
    description: `The order of ${nounOf(plural)}.`,
    fields: (t) => ({
      field: t.field({ type: field, required: true, description: 'What to order by.' }),
      direction: t.field({ type: OrderDirection, required: true, defaultValue: 'ASC', description: 'The direction.' }),
    }),
  });
}

const constantOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
