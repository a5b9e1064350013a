import { AmbitError } from '../lib/errors.ts';
import { fromPublicId, type IdPrefix } from '../lib/ids.ts';

type Finder<Row> = (value: string) => Promise<Row | null> | Row | null;

/**
 * Finds an object by exactly one of several keys, such as `category(id: ID, alias: String)`. `finders` has a function for
 * each key. Other arguments are ignored.
 */
export function findBy<Row, Key extends string>(
  args: { readonly [Name in NoInfer<Key>]?: string | null | undefined },
  finders: Record<Key, Finder<Row>>,
): Promise<Row | null> | Row | null {
  const keys = Object.keys(finders) as Key[];
  const given = keys.filter((key) => args[key] != null);
  const [key] = given;
  if (key === undefined || given.length > 1)
    throw new AmbitError('BAD_REQUEST', `Give exactly one of ${keys.map((name) => `\`${name}\``).join(' and ')}.`);
  return finders[key](args[key] as string);
}

/** Finds an object by its public ID. An ID of another type finds nothing. */
export const byId =
  <Row>(prefix: IdPrefix, find: Finder<Row>): Finder<Row> =>
  (id) => {
    const uuid = fromPublicId(prefix, id);
    return uuid === null ? null : find(uuid);
  };
