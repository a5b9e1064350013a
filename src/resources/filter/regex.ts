import { RE2JS } from 're2js';

/** The most characters of a regular expression. */
const MAX_REGEX = 500;

/** The highest count in `{…}` that PostgreSQL accepts. */
const MAX_COUNT = 255;

/**
 * The largest size of an expression after all counts are written out. What can be omitted counts twice. PostgreSQL takes
 * 0.2 s for the worst expression of this size, and time grows with the third power.
 */
const MAX_SIZE = MAX_REGEX;

const ESCAPED = String.raw`\\[tnrf]|\\[!-\/:-@\[-^\x60{-~]`;
const IN_SET = String.raw`(?:${ESCAPED}|[^\\\[\]\-])`;

/**
 * The elements that RE2 and PostgreSQL both have. There are no back-references and no look-around, so both need time that is
 * linear in the length of the text.
 */
const ELEMENT = new RegExp(
  [
    String.raw`(?<atom>\\[dDsSwW]|${ESCAPED}|[^\\\[\](){}*+?|^$])`,
    String.raw`(?<set>\[\^?-?(?:\\[dsw]|${IN_SET}(?:-${IN_SET})?)+-?\])`,
    String.raw`(?<open>\((?:\?:|(?!\?)))`,
    String.raw`(?<close>\))`,
    '(?<empty>[|^$])',
    String.raw`(?<repeat>(?:[*+?]|\{(?<least>\d{1,4})(?:,(?<most>\d{0,4}))?\})\??)`,
  ].join('|'),
  'uy',
);
type Element = Readonly<Record<string, string | undefined>>;

const SUPPORTED =
  'Supported are characters, `.`, sets such as `[a-z0-9]`, `\\d`, `\\s`, `\\w`, groups, `|`, `^`, `$`, `*`, `+`, `?` and counts such as `{2,5}`. Write `\\` before a special character that is meant as a character.';

/** What is wrong with a regular expression, in sentences. Null if both engines accept it. */
export function problemOfRegex(pattern: string): string | null {
  if (pattern.length > MAX_REGEX) return `has more than ${MAX_REGEX} characters.`;
  return problemOfElements(pattern) ?? syntaxError(pattern);
}

function syntaxError(pattern: string): string | null {
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    return `is not a valid regular expression: ${(error as Error).message}.`;
  }
}

/** A group that is not closed yet. `last` is the size of the element that can be repeated next. Null if none can. */
interface Group {
  size: number;
  last: number | null;
}

function problemOfElements(pattern: string): string | null {
  const groups: Group[] = [{ size: 0, last: null }];
  let at = 0;
  while (at < pattern.length) {
    const element = elementAt(pattern, at);
    if (!element) return `contains an unsupported element at character ${at + 1}. ${SUPPORTED}`;
    const problem = add(groups, element);
    if (problem) return `${problem} at character ${at + 1}.`;
    at = ELEMENT.lastIndex;
  }
  return groups.length > 1 ? 'contains a group that is not closed.' : null;
}

function elementAt(pattern: string, at: number): Element | null {
  ELEMENT.lastIndex = at;
  return ELEMENT.exec(pattern)?.groups ?? null;
}

/** Adds an element to the innermost group. Returns what is wrong with it. */
function add(groups: Group[], element: Element): string | null {
  const group = groups.at(-1) as Group;
  if (element['open']) groups.push({ size: 1, last: null });
  else if (element['close']) {
    if (groups.length === 1) return 'closes a group that is not open';
    groups.pop();
    append(groups.at(-1) as Group, group.size + (group.last ?? 0));
  } else if (element['repeat']) {
    const count = countOf(element);
    if (group.last === null) return 'has nothing to repeat';
    if (count === null)
      return `has a count that is not between 0 and ${MAX_COUNT}, or a range that ends before it starts`;
    group.size += group.last * count;
    group.last = null;
  } else if (element['empty']) {
    append(group, null);
    group.size += 1;
  } else append(group, 1);
  const size = groups.reduce((sum, one) => sum + one.size + (one.last ?? 0), 0);
  return size > MAX_SIZE ? 'is too large, because its counts repeat too many elements' : null;
}

function append(group: Group, last: number | null): void {
  group.size += group.last ?? 0;
  group.last = last;
}

/** How often an element is written out. Null if the count is not valid. */
function countOf({ repeat, least, most }: Element): number | null {
  if (least === undefined) return repeat?.startsWith('+') ? 1 : 2;
  const [from, to] = [Number(least), most ? Number(most) : Number(least)];
  if (from > MAX_COUNT || to > MAX_COUNT || from > to) return null;
  return Math.max(1, to + (most === '' ? 1 : 0)) * (from === 0 ? 2 : 1);
}

const DIGITS = '0-9';
const WORD = 'A-Za-z0-9_';
const SPACE = String.raw` \t\n\r\f`;
const CLASSES: Readonly<Record<string, string>> = { d: DIGITS, w: WORD, s: SPACE };

/**
 * An accepted expression as PostgreSQL needs it. The classes are written out as RE2 defines them, because those of
 * PostgreSQL depend on the locale of the database.
 */
export function toPostgresRegex(pattern: string): string {
  let translated = '';
  for (let at = 0; at < pattern.length; at = ELEMENT.lastIndex) {
    const element = elementAt(pattern, at);
    if (!element) throw new Error('the regular expression was not checked');
    const text = pattern.slice(at, ELEMENT.lastIndex);
    if (element['set']) translated += text.replace(/\\(.)/gu, (escaped, letter) => CLASSES[letter] ?? escaped);
    else translated += text.replace(/^\\([dsw])$/i, (_, letter) => classOf(letter));
  }
  return translated;
}

const classOf = (letter: string): string => {
  const negation = letter === letter.toUpperCase() ? '^' : '';
  return `[${negation}${CLASSES[letter.toLowerCase()]}]`;
};
