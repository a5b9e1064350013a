import { z } from 'zod';
import { invalid, type UserError, userError } from '../../lib/errors.ts';
import { parse } from '../../lib/input.ts';
import { slugOf } from '../../lib/slug.ts';

/** Items of one list. The mutations have lower limits for most lists. */
const MAX_ITEMS = 500;

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The JSON types of the fields. The rules for their values are those of the mutations. */
const text = z.string();
const Row = z.object({
  name: text,
  aliases: z.array(text).max(100).nullish(),
  description: text.nullish(),
  owner: text.nullish(),
  tier: text.nullish(),
  lifecycle: text.nullish(),
  language: text.nullish(),
  framework: text.nullish(),
  tags: z.array(z.strictObject({ key: text, value: text })).nullish(),
  links: z.array(z.strictObject({ name: text, url: text, category: text.nullish() })).nullish(),
  dependencies: z.array(text).max(MAX_ITEMS).nullish(),
  properties: z.custom<Record<string, unknown>>(isObject, 'must be a JSON object').nullish(),
});

/** A row of an imported file. */
export interface ImportRow extends z.infer<typeof Row> {
  readonly line: number;
  /** The aliases that find the service: those of the row, or the slug of its name. */
  readonly keys: readonly string[];
}

/** Throws the errors of the fields. */
export function rowOf(line: number, fields: object): ImportRow {
  // Each item of a long list could have an error.
  for (const [name, value] of Object.entries(fields))
    if (Array.isArray(value) && value.length > MAX_ITEMS)
      throw invalid(userError('TOO_LONG', [name], `${name}: must have at most ${MAX_ITEMS} items.`));
  const row = parse(Row, fields);
  const slug = slugOf(row.name);
  return { ...row, line, keys: row.aliases?.length ? row.aliases : slug ? [slug] : [] };
}

const PUBLIC_ID = /^[a-z]{3}_[0-9a-z]{26}$/;

const referenceTo = (text: string | null | undefined) =>
  text == null ? text : PUBLIC_ID.test(text) ? { id: text } : { alias: text };

export const dependencyOf = (name: string) => referenceTo(name) as { id: string } | { alias: string };

const common = ({ name, description, owner, tier, lifecycle, language, framework, properties }: ImportRow) => ({
  ...{ name, description, language, framework },
  ...{ owner: referenceTo(owner), tier: referenceTo(tier), lifecycle: referenceTo(lifecycle) },
  properties: Object.entries(properties ?? {}).map(([name, value]) => ({ definition: referenceTo(name), value })),
});

/** The input of `createService`, without dependencies: they can refer to later rows. */
export const createInput = (row: ImportRow): Record<string, unknown> => ({
  ...common(row),
  ...{ aliases: row.aliases, tags: row.tags, links: row.links },
});

/** The input of `updateService`. Items are added, and none are removed. */
export const updateInput = (row: ImportRow, id: string): Record<string, unknown> => ({
  service: { id },
  ...common(row),
  ...{ addAliases: row.aliases, addTags: row.tags, addLinks: row.links },
});

/** An error of a row, with the path of the field in the file. */
export function inFile({ path, ...error }: UserError, row: ImportRow | undefined): UserError {
  const [field = '', index = '', , ...rest] = path;
  // The input has a list of properties, and the file an object.
  const property = field === 'properties' ? Object.keys(row?.properties ?? {})[Number(index)] : undefined;
  if (property !== undefined) return { ...error, path: [field, property, ...rest] };
  return { ...error, path: path.map((part, at) => (at === 0 ? (ADDED[part] ?? part) : part)) };
}

const ADDED: Readonly<Record<string, string>> = {
  addAliases: 'aliases',
  addTags: 'tags',
  addLinks: 'links',
  addDependencies: 'dependencies',
};
