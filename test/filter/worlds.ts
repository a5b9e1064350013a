import fc from 'fast-check';
import { idAt } from '../../src/lib/ids.ts';
import { type FilterWithPredicates, MAX_DEPTH, type Predicate } from '../../src/resources/filter/compile.ts';
import { FILTER_KEYS, type FilterKey, keyRule, type ValueKind } from '../../src/resources/filter/keys.ts';
import type { Operator } from '../../src/resources/filter/operators.ts';
import { problemOfRegex } from '../../src/resources/filter/regex.ts';
import type { NaiveService, NaiveWorld } from './naive.ts';

/** IDs that no other world has. */
const newIds = (count: number): string[] => Array.from({ length: count }, () => idAt(new Date()));

/** Few characters, so that texts are often equal, and those that LIKE or a regular expression treats specially. */
const CHARACTERS = ['a', 'A', 'b', 'B', '1', '%', '_', '\\', '.', '*', '[', ' ', '\n', 'é', '😀'];
const text = fc.string({ unit: fc.constantFrom(...CHARACTERS), minLength: 1, maxLength: 4 });
const word = fc.constantFrom('a', 'A', 'b', 'aB');
const time = fc.constantFrom('2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z', '2026-02-02T02:02:02.000Z');
const number = fc.constantFrom(0, 1, -1, 0.5, 10, 2.25);
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(values, { freq: 2 });

/** Texts that a wrong implementation would compare as numbers, and texts of digits that are equal only as numbers. */
export const NUMERIC_TEXTS = [
  ...['0', '-0', '00', '7', '007', '7.0', '7.00', '-7', '0.5', '00.50', '10', '9', '3', '5', '123456789012345.1'],
  ...['1e1000', '1e1', '7e0', ' 5 ', '5 ', '5\n', '٣', '+3', '3.', '.5', '1_0', '1,5', '0x7', '7n', '--7', '-', '.'],
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    '9'.repeat(100),
    `1${'0'.repeat(100)}`,
    `0.${'0'.repeat(99)}1`,
    `7.${'0'.repeat(101)}`,
  ],
  ...['9007199254740992', '9007199254740993', '0.1', '0.10000000000000001'],
];

const json = fc.oneof(
  text,
  { weight: 5, arbitrary: fc.constantFrom(...NUMERIC_TEXTS) },
  number,
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 2 }),
  fc.record({ a: text }),
);

const element = fc.constantFrom(
  ...['a', 'B', '.', '\\.', '\\d', '\\W', '\\w', '\\s', '[aB]', '[^a]', '[\\w.-]', '[0-9a]', '^', '$', '|', '(', ')'],
  ...['(?:', '*', '+', '?', '{1,2}', '{2}', '*?', '\\\\', '\\[', '\\n', 'é', '😀'],
);
const regex = fc
  .array(element, { minLength: 1, maxLength: 7 })
  .map((elements) => elements.join(''))
  .filter((pattern) => problemOfRegex(pattern) === null);

interface Ids {
  services: string[];
  teams: string[];
  tiers: string[];
  lifecycles: string[];
  definitions: string[];
}

const serviceIn = ({ services, teams, tiers, lifecycles, definitions }: Ids, at: number): fc.Arbitrary<NaiveService> =>
  fc.record({
    id: fc.constant(services[at] as string),
    // Names and aliases are unique.
    name: text.map((name) => `${name} ${at}`),
    aliases: fc.uniqueArray(fc.constantFrom(`a${at}`, `b${at}`), { maxLength: 2 }),
    description: maybe(text),
    ownerId: maybe(fc.constantFrom(...teams)),
    tierId: maybe(fc.constantFrom(...tiers)),
    lifecycleId: maybe(fc.constantFrom(...lifecycles)),
    language: maybe(text),
    framework: maybe(word),
    tags: fc.uniqueArray(fc.record({ key: word, value: text }), {
      maxLength: 3,
      selector: (tag) => JSON.stringify(tag),
    }),
    links: fc.uniqueArray(fc.record({ url: text, category: maybe(word) }), {
      maxLength: 2,
      selector: ({ url }) => url,
    }),
    properties: fc.dictionary(fc.constantFrom(...definitions), json, { noNullPrototype: true }),
    dependsOn: fc.uniqueArray(fc.constantFrom(...services), { maxLength: 2 }),
    lastDeployAt: maybe(time),
  });

const EMPTY = {
  keyData: null,
  value: null,
  teamId: null,
  tierId: null,
  lifecycleId: null,
  definitionId: null,
  nestedId: null,
};

function valueFor(kind: ValueKind, ids: Ids, nested: string[]): fc.Arbitrary<Partial<Predicate>> {
  const one = (values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
  switch (kind) {
    case 'NONE':
      return fc.constant({});
    case 'TEXT':
      return fc
        .oneof(text, number.map(String), fc.constantFrom('a0', 'B1', 'true', '["a"]'))
        .map((value) => ({ value }));
    case 'REGEX':
      return regex.map((value) => ({ value }));
    case 'NUMBER':
      return number.map((value) => ({ value: String(value) }));
    case 'TIME':
      return time.map((value) => ({ value }));
    case 'TEAM':
      return one(ids.teams).map((teamId) => ({ teamId }));
    case 'TIER':
      return one(ids.tiers).map((tierId) => ({ tierId }));
    case 'LIFECYCLE':
      return one(ids.lifecycles).map((lifecycleId) => ({ lifecycleId }));
    case 'FILTER':
      return one(nested).map((nestedId) => ({ nestedId }));
  }
}

function keyDataOf(key: FilterKey, { definitions }: Ids): fc.Arbitrary<Partial<Predicate>> {
  const { keyData } = keyRule(key);
  if (keyData === 'PROPERTY_DEFINITION')
    return fc.constantFrom(...definitions).map((definitionId) => ({ definitionId }));
  if (keyData === 'TAG_KEY') return word.map((one) => ({ keyData: one }));
  return keyData === 'LINK_CATEGORY' ? maybe(word).map((one) => ({ keyData: one })) : fc.constant({});
}

/** A valid predicate, with every key and operator of the table. `nested` are the filters that it can contain. */
function predicateIn(ids: Ids, nested: string[]): fc.Arbitrary<Predicate> {
  const pairs = FILTER_KEYS.filter((key) => key !== 'FILTER' || nested.length > 0).flatMap((key) =>
    Object.entries(keyRule(key).operators).map(([operator, kind]) => ({ key, operator: operator as Operator, kind })),
  );
  return fc
    .constantFrom(...pairs)
    .chain(({ key, operator, kind }) =>
      fc
        .tuple(valueFor(kind, ids, nested), keyDataOf(key, ids), fc.boolean())
        .map(([value, data, caseSensitive]) => ({ ...EMPTY, key, operator, ...value, ...data, caseSensitive })),
    );
}

/** Filters of which each can contain those of the previous generation. */
function filtersIn(ids: Ids, organizationId: string): fc.Arbitrary<Map<string, FilterWithPredicates>> {
  const generation = (nested: string[]) => {
    const filter = fc.record({
      organizationId: fc.constant(organizationId),
      connective: fc.constantFrom('AND' as const, 'OR' as const),
      predicates: fc.array(predicateIn(ids, nested), { minLength: 1, maxLength: 3 }),
    });
    return fc.array(filter, { minLength: 4, maxLength: 4 });
  };
  let all: fc.Arbitrary<[string, FilterWithPredicates][]> = fc.constant([]);
  for (let depth = 0; depth < MAX_DEPTH; depth += 1)
    all = all.chain((known) =>
      generation(known.slice(-4).map(([id]) => id)).map((filters) => {
        const made = newIds(filters.length);
        return [...known, ...filters.map((filter, at) => [made[at], filter] as [string, FilterWithPredicates])];
      }),
    );
  return all.map((entries) => new Map(entries));
}

export type World = NaiveWorld & { organizationId: string; definitions: string[] };

/** An organization with services, and filters of each depth. */
export const worlds: fc.Arbitrary<World> = fc.constant(null).chain(() => {
  const [organizationId = ''] = newIds(1);
  const ids: Ids = {
    services: newIds(8),
    teams: newIds(4),
    tiers: newIds(3),
    lifecycles: newIds(3),
    definitions: newIds(2),
  };
  const parents = fc.tuple(...ids.teams.map((_, at) => maybe(fc.constantFrom(...ids.teams.slice(0, Math.max(at, 1))))));
  return fc.record({
    organizationId: fc.constant(organizationId),
    definitions: fc.constant(ids.definitions),
    services: fc.tuple(...ids.services.map((_, at) => serviceIn(ids, at))),
    teams: parents.map((given) => ids.teams.map((id, at) => ({ id, parentId: at === 0 ? null : (given[at] ?? null) }))),
    tiers: fc.constant(ids.tiers),
    lifecycles: fc.constant(ids.lifecycles),
    filters: filtersIn(ids, organizationId),
  });
});
