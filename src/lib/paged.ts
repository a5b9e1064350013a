/** A part of a list whose pages have numbers. */
export interface Paged<Item> {
  readonly items: readonly Item[];
  /** From 1. */
  readonly page: number;
  readonly size: number;
  /** The number of items of all pages. */
  readonly total: number;
}

/** One page of a list that is complete. */
export const pageOf = <Item>(all: readonly Item[], page: number, size: number): Paged<Item> => ({
  items: all.slice((page - 1) * size, page * size),
  page,
  size,
  total: all.length,
});

/** The number of items before a page. */
export const before = (page: number, size: number): number => (page - 1) * size;
