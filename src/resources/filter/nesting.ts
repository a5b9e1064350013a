import type { Predicate } from './compile.ts';
import { MAX_DEPTH } from './compile.ts';
import { ruleOf } from './operators.ts';

/** The most predicates of a filter together with those of its nested filters. It bounds the size of the condition. */
export const MAX_TOTAL = 200;

/** The same for regular expressions. PostgreSQL keeps 32 compiled expressions for each connection. */
export const MAX_REGEXES = 20;

/** What a filter contains itself. `nested` has one ID for each predicate that is a nested filter. */
export interface FilterNode {
  readonly predicates: number;
  readonly regexes: number;
  readonly nested: readonly string[];
}

export type FilterGraph = ReadonlyMap<string, FilterNode>;

export const isRegex = ({ operator }: Predicate): boolean => ruleOf(operator).comparison === 'MATCHES_REGEX';

export const nodeOf = (predicates: readonly Predicate[]): FilterNode => ({
  predicates: predicates.length,
  regexes: predicates.filter(isRegex).length,
  nested: predicates.flatMap(({ nestedId }) => nestedId ?? []),
});

/** Whether a filter contains another one, directly or through others. */
export function contains(graph: FilterGraph, from: string, target: string): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === target) return true;
    if (!seen.has(id)) open.push(...(graph.get(id)?.nested ?? []));
    seen.add(id);
  }
  return false;
}

interface Measure {
  readonly depth: number;
  readonly predicates: number;
  readonly regexes: number;
}

/** What is wrong with a filter, as the end of a sentence. Null if it is within the limits. The graph has no cycles. */
export function problemOfSize(graph: FilterGraph, id: string): string | null {
  const { depth, predicates, regexes } = measure(graph, id, new Map());
  if (depth > MAX_DEPTH) return `would be nested more than ${MAX_DEPTH} levels deep`;
  if (predicates > MAX_TOTAL) return `would have more than ${MAX_TOTAL} predicates with those of nested filters`;
  if (regexes <= MAX_REGEXES) return null;
  return `would have more than ${MAX_REGEXES} regular expressions with those of nested filters`;
}

/** A filter that is nested twice counts twice, because its condition is written twice. */
function measure(graph: FilterGraph, id: string, known: Map<string, Measure>): Measure {
  const before = known.get(id);
  if (before) return before;
  const { predicates, regexes, nested } = graph.get(id) ?? { predicates: 0, regexes: 0, nested: [] };
  const inner = nested.map((one) => measure(graph, one, known));
  const sum = (key: 'predicates' | 'regexes', own: number): number =>
    inner.reduce((total, one) => total + one[key], own);
  const measured: Measure = {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    predicates: sum('predicates', predicates),
    regexes: sum('regexes', regexes),
  };
  known.set(id, measured);
  return measured;
}
