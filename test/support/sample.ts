import { long } from './size.ts';

/** A few of the items, different ones for each key, so that many keys cover all items. All in a long run. */
export function sample<T>(items: readonly T[], count: number, key: string): T[] {
  if (long || items.length <= count) return [...items];
  const start = [...key].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521, 7);
  return items.filter((_, at) => (at + start) % items.length < count);
}
