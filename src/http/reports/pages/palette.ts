/** Colours of the style, from the lowest level to the highest. Their lightness differs, so hue is not needed to tell them apart. */
const STEPS = 7;

/** The class of a level. `at` is its position from 0. Few levels use colours that are far from each other. */
export function levelClass(at: number, levels: number): string {
  if (levels <= 1) return `l${STEPS - 1}`;
  return `l${Math.round((at * (STEPS - 1)) / (levels - 1))}`;
}

/** The class of services without a level, and of what has not passed. It is hatched. */
export const NONE = 'none';
