import { RE2JS } from 're2js';
import type { FilterWithPredicates, Predicate } from '../../src/resources/filter/compile.ts';

/** A service as a plain object. References are IDs. */
export interface NaiveService {
  id: string;
  name: string;
  aliases: string[];
  description: string | null;
  ownerId: string | null;
  tierId: string | null;
  lifecycleId: string | null;
  language: string | null;
  framework: string | null;
  tags: { key: string; value: string }[];
  links: { url: string; category: string | null }[];
  /** By the ID of the definition. */
  properties: Record<string, unknown>;
  dependsOn: string[];
  lastDeployAt: string | null;
}

/** What the services of an organization refer to. Tiers and lifecycles are in the order of their positions. */
export interface NaiveWorld {
  services: NaiveService[];
  teams: { id: string; parentId: string | null }[];
  tiers: string[];
  lifecycles: string[];
  filters: Map<string, FilterWithPredicates>;
}

/** Whether a service matches a filter. The simplest possible implementation of the rules in docs/filters.md. */
export function matches(world: NaiveWorld, filter: FilterWithPredicates, service: NaiveService): boolean {
  const results = filter.predicates.map((predicate) => meets(world, predicate, service));
  return filter.connective === 'AND' ? results.every(Boolean) : results.some(Boolean);
}

const NEGATIONS: Record<string, string> = {
  DOES_NOT_EXIST: 'EXISTS',
  DOES_NOT_EQUAL: 'EQUALS',
  DOES_NOT_CONTAIN: 'CONTAINS',
  DOES_NOT_MATCH_REGEX: 'MATCHES_REGEX',
  DOES_NOT_BELONG_TO: 'BELONGS_TO',
  DOES_NOT_MATCH: 'MATCHES',
};

function meets(world: NaiveWorld, predicate: Predicate, service: NaiveService): boolean {
  const { operator } = predicate;
  const positive = NEGATIONS[operator];
  if (positive) return !meets(world, { ...predicate, operator: positive }, service);
  return valuesOf(world, predicate, service).some((value) => value !== null && holds(world, predicate, value));
}

/** The values of a service that the predicate is about. */
function valuesOf(world: NaiveWorld, predicate: Predicate, service: NaiveService): unknown[] {
  const { key, keyData, definitionId } = predicate;
  const isExistence = predicate.operator === 'EXISTS';
  const aliasesOf = (others: NaiveService[]): unknown[] =>
    others.flatMap(({ id, aliases }): string[] => (isExistence ? [id] : aliases));
  switch (key) {
    case 'NAME':
      return [service.name];
    case 'ALIAS':
      return service.aliases;
    case 'DESCRIPTION':
      return [service.description];
    case 'OWNER':
      return [service.ownerId];
    case 'TIER':
      return [service.tierId];
    case 'LIFECYCLE':
      return [service.lifecycleId];
    case 'LANGUAGE':
      return [service.language];
    case 'FRAMEWORK':
      return [service.framework];
    case 'TAG':
      return service.tags.filter((tag) => tag.key === keyData).map(({ value }) => value);
    case 'PROPERTY':
      return [service.properties[definitionId ?? ''] ?? null];
    case 'LINK':
      return service.links.filter(({ category }) => keyData === null || category === keyData).map(({ url }) => url);
    case 'DEPENDENCY':
      return aliasesOf(world.services.filter(({ id }) => service.dependsOn.includes(id)));
    case 'DEPENDENT':
      return aliasesOf(world.services.filter(({ dependsOn }) => dependsOn.includes(service.id)));
    case 'LAST_DEPLOY':
      return [service.lastDeployAt];
    case 'FILTER':
      return [service];
  }
}

/** Whether a value that exists meets an operator without a negation. */
function holds(world: NaiveWorld, predicate: Predicate, value: unknown): boolean {
  const { key, operator, nestedId } = predicate;
  if (operator === 'EXISTS') return true;
  if (operator === 'MATCHES')
    return matches(world, world.filters.get(nestedId ?? '') as FilterWithPredicates, value as NaiveService);
  if (key === 'OWNER') return teamHolds(world, predicate, value as string);
  if (key === 'TIER') return positionHolds(operator, world.tiers, value as string, predicate.tierId ?? '');
  if (key === 'LIFECYCLE')
    return positionHolds(operator, world.lifecycles, value as string, predicate.lifecycleId ?? '');
  if (key === 'LAST_DEPLOY')
    return orderHolds(operator, Date.parse(value as string), Date.parse(predicate.value ?? ''));
  if (typeof value === 'number' && /^-?\d+(\.\d+)?$/.test(predicate.value ?? '')) {
    if (operator === 'EQUALS' && value === Number(predicate.value)) return true;
    if (/_THAN_/.test(operator)) return orderHolds(operator, value, Number(predicate.value));
  }
  return textHolds(predicate, textOf(value));
}

function teamHolds({ teams }: NaiveWorld, { operator, teamId }: Predicate, owner: string): boolean {
  if (operator === 'EQUALS') return owner === teamId;
  const parentOf = (id: string): string | null => teams.find((team) => team.id === id)?.parentId ?? null;
  for (let team: string | null = owner; team; team = parentOf(team)) if (team === teamId) return true;
  return false;
}

function positionHolds(operator: string, order: string[], own: string, other: string): boolean {
  return operator === 'EQUALS' ? own === other : orderHolds(operator, order.indexOf(own), order.indexOf(other));
}

const orderHolds = (operator: string, own: number, other: number): boolean =>
  operator === 'GREATER_THAN_OR_EQUAL_TO' ? own >= other : own <= other;

function textHolds({ operator, value, caseSensitive }: Predicate, given: string): boolean {
  const fold = (text: string): string => (caseSensitive ? text : text.toLowerCase());
  const [own, other] = [fold(given), fold(value ?? '')];
  switch (operator) {
    case 'EQUALS':
      return own === other;
    case 'CONTAINS':
      return own.includes(other);
    case 'STARTS_WITH':
      return own.startsWith(other);
    case 'ENDS_WITH':
      return own.endsWith(other);
    case 'MATCHES_REGEX':
      return RE2JS.compile(value ?? '', RE2JS.DOTALL | (caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE))
        .matcher(given)
        .find();
    default:
      // A text is no number.
      return false;
  }
}

/** A JSON value as text, in the format of PostgreSQL. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
  if (value !== null && typeof value === 'object')
    return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${JSON.stringify(item)}`)}}`;
  return String(value);
}
