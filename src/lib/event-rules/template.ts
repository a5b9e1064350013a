import {
  type Context,
  Drop,
  defaultOperators,
  type FilterImplOptions,
  Liquid,
  type Operators,
  type Template,
} from 'liquidjs';
import { storableText } from '../storable.ts';

/** Maximum number of characters of a rendered message. The column has the same limit. */
const MAX_MESSAGE = 20_000;

/** What a template can read. */
export interface TemplateValues {
  readonly payload: unknown;
  readonly alias: string;
  readonly status: 'PASSED' | 'FAILED';
}

export interface Templates {
  /** The problem of a template. Null if it can be used. */
  problemOf(template: string): string | null;
  /** Parses a template. The function renders it as text, or throws. */
  compile(template: string): (values: TemplateValues) => string | null;
}

/** The tags that read other templates. */
const FILE_TAGS = ['include', 'render', 'layout', 'block'];

/** The filters that search for a text in another one. */
const SEARCHES = ['split', 'replace', 'replace_first', 'replace_last', 'remove', 'remove_first', 'remove_last'];

/**
 * Maximum number of characters of a text that is searched for. The search of V8 takes up to the product of both lengths, and
 * nothing can stop its thread meanwhile: with a payload of 4 MB that is a quarter of an hour.
 */
const MAX_SEARCHED = 200;

type FilterHandler = Exclude<FilterImplOptions, { handler: unknown }>;

type BinaryOperator = Extract<Operators[string], (text: unknown, searched: unknown, ctx: Context) => unknown>;

/** A list would be searched for as one text. */
function requireShort(searched: unknown): void {
  const isObject = typeof searched === 'object' && searched !== null && !(searched instanceof Drop);
  if (isObject || String(searched).length > MAX_SEARCHED)
    throw new Error(`can only search for texts of at most ${MAX_SEARCHED} characters`);
}

const shortOnly = (filter: FilterHandler): FilterHandler =>
  function (text, searched, ...others) {
    requireShort(searched);
    return filter.call(this, text, searched, ...others);
  };

const contains = (text: unknown, searched: unknown, ctx: Context) => {
  if (!Array.isArray(text)) requireShort(searched);
  return (defaultOperators['contains'] as BinaryOperator)(text, searched, ctx);
};

const missing = (): never => {
  throw new Error('there are no other templates');
};

/** No template can read files, properties of JavaScript's prototypes, or the time zone of the server. */
export function createTemplates(): Templates {
  const engine = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    parseLimit: 20_000,
    // Milliseconds. The thread has a limit of CPU time.
    renderLimit: 5_000,
    memoryLimit: 5_000_000,
    timezoneOffset: 0,
    locale: 'en',
    operators: { ...defaultOperators, contains },
    templates: {},
    relativeReference: false,
    dynamicPartials: false,
    fs: {
      readFileSync: missing,
      readFile: missing,
      existsSync: () => false,
      exists: async () => false,
      resolve: missing,
    },
  });
  for (const tag of FILE_TAGS) delete engine.tags[tag];
  for (const name of SEARCHES) engine.registerFilter(name, shortOnly(engine.filters[name] as FilterHandler));
  const render = (parsed: Template[], values: TemplateValues): string | null => {
    const text = storableText(String(engine.renderSync(parsed, values)).trim());
    return text === '' ? null : shortened(text);
  };
  return {
    problemOf(template) {
      try {
        engine.parse(template);
        return null;
      } catch (error) {
        return firstLineOf(error);
      }
    },
    compile(template) {
      const parsed = engine.parse(template);
      return (values) => render(parsed, values);
    },
  };
}

const shortened = (text: string): string =>
  text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE - 1).toWellFormed()}…`;

/** The first line. Others show a part of the template. */
export const firstLineOf = (error: unknown): string => (error as Error).message.split('\n', 1)[0] ?? '';
