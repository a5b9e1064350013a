/** Bytes of a key with its value null. Also enough for a Boolean or a number of usual length. */
export const KEY_SIZE = 8;

/** Bytes of an item of a list without the text in it. */
const ITEM_SIZE = 5;

/** Bytes of an error without its message. */
export const ERROR_SIZE = 200;

/** Thrown when the response exceeds its limit. It is never reported. */
export const TOO_LARGE: unique symbol = Symbol('the response is too large');

/** A response in progress, with its estimated size in bytes. */
export interface Sized {
  size: number;
  readonly maxSize: number;
}

/** Adds to the size of the response. Throws above the limit. */
export function grow(response: Sized, bytes: number): void {
  response.size += bytes;
  if (response.size > response.maxSize) throw TOO_LARGE;
}

export const growByItem = (response: Sized): void => grow(response, ITEM_SIZE);

/** Adds a serialized leaf to the size of the response. Its key or its place in a list is already counted. */
export function growByLeaf(response: Sized, value: unknown): void {
  if (typeof value === 'string') grow(response, value.length);
  else if (typeof value === 'object') grow(response, sizeOfJson(value));
}

/** Counts one byte for each character, see `Limits`. */
function sizeOfJson(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Date) return 20;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + ITEM_SIZE + sizeOfJson(item), 0);
  let size = 0;
  for (const [key, item] of Object.entries(value)) size += key.length + KEY_SIZE + sizeOfJson(item);
  return size;
}
