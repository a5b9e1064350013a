/** `npm run test:long` runs every generated test and every round. `npm test` runs a part of them that finds the same defects. */
export const IS_LONG = process.env['AMBIT_TEST_LONG'] === '1';

/** A number of rounds, runs or repetitions. */
export const size = (short: number, long: number): number => (IS_LONG ? long : short);

/** At most `count` of the items, spread evenly over all of them and the same in every run. In the long form, all of them. */
export function sample<T>(items: readonly T[], count: number): readonly T[] {
  if (IS_LONG || items.length <= count) return items;
  return Array.from({ length: count }, (_, at) => items[Math.floor((at * items.length) / count)] as T);
}

/** A sample of each group, such as the cases of one resource. */
export const sampleEach = <T>(items: readonly T[], count: number, groupOf: (item: T) => string): readonly T[] =>
  [...Map.groupBy(items, groupOf).values()].flatMap((group) => sample(group, count));
