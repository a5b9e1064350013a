import slugify from '@sindresorhus/slugify';

/** The lengths of an alias. */
const LENGTH = { min: 2, max: 63 };

/** Tries after which the suffix is random, so that thousands of equal names cost few statements. */
const NUMBERED = 10;

/**
 * The alias for a name, such as `checkout-api` for "Checkout API". Null if the name has too few letters that can be
 * written in ASCII. The second try ends in `-2`, the third in `-3`, and later ones in a random text.
 */
export function slugOf(name: string, attempt = 1, random: () => number = Math.random): string | null {
  const suffix = attempt === 1 ? '' : `-${attempt <= NUMBERED ? attempt : random().toString(36).slice(2, 10)}`;
  const slug = slugify(name)
    .slice(0, LENGTH.max - suffix.length)
    .replace(/-+$/, '');
  return slug.length < LENGTH.min ? null : `${slug}${suffix}`;
}
