import { getOrAdd } from '../../lib/maps.ts';
import { isReported } from '../check/settings.ts';
import { type FiltersById, type FilterWithPredicates, MAX_DEPTH, type Predicate } from '../filter/compile.ts';
import { ruleOf } from '../filter/operators.ts';
import type { CheckToEvaluate } from './checks.ts';
import { type Condition, type Requirement, requirementOf, requirementOfCheck } from './conditions.ts';

/** The numbers of the conditions that a service meets. */
type Met = ReadonlySet<number>;
/** Whether a service that meets these conditions matches a filter or passes a check. */
export type Rule = (met: Met) => boolean;

/** The rules of checks and filters, and the conditions on which they depend. */
export interface Rules {
  /** The number of a condition is its position. */
  readonly conditions: readonly Condition[];
  readonly matches: ReadonlyMap<string, Rule>;
  /** By the ID of the check, for each check that does not depend on time or on reports. */
  readonly passes: ReadonlyMap<string, Rule>;
}

/** The rules of these checks and of the filters that select their services. */
export function rulesOf(checks: readonly CheckToEvaluate[], filters: FiltersById): Rules {
  const numbers = new Map<string, number>();
  const conditions: Condition[] = [];
  const ruleFor = ({ condition, negated }: Requirement): Rule => {
    const number = getOrAdd(numbers, JSON.stringify(condition), () => conditions.push(condition) - 1);
    return (met) => met.has(number) !== negated;
  };
  const matches = new Map<string, Rule>();
  for (const id of new Set(checks.flatMap(({ filterIds }) => filterIds)))
    matches.set(id, filterRule({ filters, ruleFor }, id, 1));
  const passes = new Map<string, Rule>();
  for (const check of checks) {
    if (isReported(check.type) || check.type === 'RECENT_DEPLOY') continue;
    const requirement = requirementOfCheck(check);
    passes.set(check.id, requirement ? ruleFor(requirement) : () => false);
  }
  return { conditions, matches, passes };
}

interface Compiling {
  readonly filters: FiltersById;
  readonly ruleFor: (requirement: Requirement) => Rule;
}

function filterRule(compiling: Compiling, id: string, depth: number): Rule {
  const filter: FilterWithPredicates | undefined = compiling.filters.get(id);
  if (!filter) throw new Error('the filter of a check was not loaded');
  if (depth > MAX_DEPTH) throw new Error('filters are nested too deep');
  const rules = filter.predicates.map((predicate) => predicateRule(compiling, predicate, depth));
  return filter.connective === 'AND'
    ? (met) => rules.every((rule) => rule(met))
    : (met) => rules.some((rule) => rule(met));
}

function predicateRule(compiling: Compiling, predicate: Predicate, depth: number): Rule {
  if (predicate.key !== 'FILTER') return compiling.ruleFor(requirementOf(predicate));
  const nested = filterRule(compiling, predicate.nestedId ?? '', depth + 1);
  const { negated } = ruleOf(predicate.operator);
  return (met) => nested(met) !== negated;
}
