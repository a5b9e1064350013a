import { RE2JS } from 're2js';
import type { Problem } from './messages.ts';

type Keyword = 'schema' | 'list' | 'map' | 'pattern' | 'patternMap' | 'format' | 'ref' | 'root' | 'value';

const kinds = (kind: Keyword, names: string): [string, Keyword][] => names.split(' ').map((name) => [name, kind]);

/**
 * The supported keywords of JSON Schema 2020-12, and where their schemas are. An unknown keyword is refused: a misspelled
 * one would accept every value. `$dynamicRef`, `$vocabulary` and `$anchor` are not supported.
 */
const KEYWORDS = new Map<string, Keyword>([
  ...kinds('schema', 'additionalProperties contains else if items not propertyNames then'),
  ...kinds('schema', 'unevaluatedItems unevaluatedProperties'),
  ...kinds('list', 'allOf anyOf oneOf prefixItems'),
  ...kinds('map', '$defs definitions dependentSchemas properties'),
  ...kinds('patternMap', 'patternProperties'),
  ...kinds('pattern', 'pattern'),
  ...kinds('format', 'format'),
  ...kinds('ref', '$ref'),
  ...kinds('root', '$id $schema'),
  ...kinds('value', 'const default dependentRequired enum examples exclusiveMaximum exclusiveMinimum maxContains'),
  ...kinds('value', 'maxItems maxLength maxProperties maximum minContains minItems minLength minProperties minimum'),
  ...kinds('value', 'multipleOf required type uniqueItems'),
  ...kinds('value', '$comment deprecated description readOnly title writeOnly'),
]);

/** The supported values of `format`. */
export const FORMATS = [
  ...['date', 'time', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uri', 'uri-reference', 'uuid'],
  'json-pointer',
] as const;

export const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

type Node = Record<string, unknown>;
type Check = (value: never, path: string[]) => Iterable<Problem>;

/** What ajv does not check in a schema that is valid against the meta-schema of its draft. */
export function* problemsOf(schema: unknown, path: string[] = []): Iterable<Problem> {
  if (typeof schema === 'boolean') return;
  for (const [name, value] of Object.entries(schema as Node)) {
    const kind = KEYWORDS.get(name);
    const at = [...path, name];
    if (!kind) yield { path: at, message: 'is not a supported keyword of JSON Schema 2020-12' };
    else yield* CHECKS[kind](value as never, at);
  }
}

const CHECKS: Record<Keyword, Check> = {
  schema: problemsOf,
  *list(schemas: unknown[], path) {
    for (const [at, schema] of schemas.entries()) yield* problemsOf(schema, [...path, String(at)]);
  },
  *map(schemas: Node, path) {
    for (const [name, schema] of Object.entries(schemas)) {
      // ajv ignores the schema of this property.
      if (name === '__proto__') yield { path: [...path, name], message: 'is not a supported name' };
      yield* problemsOf(schema, [...path, name]);
    }
  },
  *patternMap(schemas: Node, path) {
    for (const pattern of Object.keys(schemas)) yield* patternProblems(pattern, [...path, pattern]);
    yield* CHECKS.map(schemas as never, path);
  },
  pattern: patternProblems,
  *format(format: string, path) {
    if (!(FORMATS as readonly string[]).includes(format))
      yield { path, message: `must be one of ${FORMATS.join(', ')}` };
  },
  *ref(target: string, path) {
    if (!target.startsWith('#')) yield { path, message: 'must refer to a part of the same schema and begin with #' };
  },
  *root(value: string, path) {
    if (path.length > 1) yield { path, message: 'is supported at the root of the schema only' };
    else if (path[0] === '$schema' && value !== DRAFT) yield { path, message: `must be ${DRAFT}` };
  },
  *value() {},
};

function* patternProblems(pattern: string, path: string[]): Iterable<Problem> {
  try {
    compilePattern(pattern);
  } catch (error) {
    yield { path, message: `is not a regular expression of RE2: ${(error as Error).message}` };
  }
}

/** Matches in linear time. Back-references and look-around are errors. */
export function compilePattern(pattern: string): { test(text: string): boolean; toString(): string } {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
  // ajv uses one compiled pattern for all patterns with the same `toString()`.
  return { test: (text) => compiled.matcher(text).find(), toString: () => pattern };
}
