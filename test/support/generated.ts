import { readFileSync } from 'node:fs';
import { printSchema } from '../../src/http/schema-file.ts';
import { buildSchema } from '../../src/schema.ts';
import { TABLES } from './tables.ts';

/** What `schema.graphql` must hold. */
export const printedSchema = (): string => printSchema(buildSchema());

/** The document with its generated tables as they should be. */
function withTables(path: string, tables: Record<string, () => string>): string {
  let text = readFileSync(path, 'utf8');
  for (const [name, table] of Object.entries(tables)) {
    const [begin, end] = [`<!-- ${name}: generated -->`, `<!-- ${name}: end -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${path} must contain ${begin} and ${end}`);
    text = `${text.slice(0, from)}${begin}\n\n${table()}\n\n${text.slice(to)}`;
  }
  return text;
}

/** Functions that return what each generated file must hold, by path. */
export const GENERATED: Record<string, () => string> = {
  'schema.graphql': printedSchema,
  ...Object.fromEntries(Object.entries(TABLES).map(([path, tables]) => [path, () => withTables(path, tables)])),
};
