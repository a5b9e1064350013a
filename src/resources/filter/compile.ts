import { and, eq, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { TenantTable } from '../../data/rows.ts';
import { lifecycles } from '../lifecycle/table.ts';
import {
  serviceAliases,
  serviceDependencies,
  serviceLinks,
  serviceProperties,
  services,
  serviceTags,
} from '../service/table.ts';
import { teams } from '../team/table.ts';
import { tiers } from '../tier/table.ts';
import { compare, compilePredicate, jsonNumber, jsonText, truthOf, type ValuePredicate } from './compare.ts';
import type { FilterKey } from './keys.ts';
import { ruleOf } from './operators.ts';
import type { Connective } from './table.ts';

/** A predicate of a filter. A value that is an object is in the column of its table. */
export interface Predicate extends ValuePredicate {
  readonly key: FilterKey;
  readonly keyData: string | null;
  readonly teamId: string | null;
  readonly tierId: string | null;
  readonly lifecycleId: string | null;
  readonly definitionId: string | null;
  readonly nestedId: string | null;
}

/** A filter with its predicates in their order. */
export interface FilterWithPredicates {
  readonly organizationId: string;
  readonly connective: Connective;
  readonly predicates: readonly Predicate[];
}

export type FiltersById = ReadonlyMap<string, FilterWithPredicates>;

/** How deep filters can be nested. A filter without a nested filter has the depth 1. */
export const MAX_DEPTH = 5;

/**
 * The condition that a row of `services` matches the filter. It is true or false, never null. `filters` must contain the
 * filters that are nested in it. Each subquery names the organization, so that a Citus cluster uses one shard.
 */
export const compileFilter = (filter: FilterWithPredicates, filters: FiltersById, isVisible?: IsVisible): SQL =>
  compileNested({ filters, organizationId: filter.organizationId, depth: 1, isVisible }, filter);

/**
 * The condition that the caller may see the service whose ID a column has. Undefined if the caller may see every service.
 * Without it, a list would tell which hidden services its services depend on.
 */
export type IsVisible = (serviceId: PgColumn) => SQL | undefined;

interface Scope {
  readonly organizationId: string;
  readonly filters: FiltersById;
  readonly depth: number;
  readonly isVisible: IsVisible | undefined;
}

function compileNested(scope: Scope, { connective, predicates }: FilterWithPredicates): SQL {
  if (scope.depth > MAX_DEPTH) throw new Error('filters are nested too deep');
  if (predicates.length === 0) return connective === 'AND' ? sql`true` : sql`false`;
  const conditions = predicates.map((predicate) => CONDITIONS[predicate.key](predicate, scope));
  return sql`(${sql.join(conditions, connective === 'AND' ? sql` and ` : sql` or `)})`;
}

type Condition = (predicate: Predicate, scope: Scope) => SQL;

const CONDITIONS: Readonly<Record<FilterKey, Condition>> = {
  NAME: (predicate) => compilePredicate(predicate, services.name),
  ALIAS: (predicate, scope) => some(predicate, serviceAliases.alias, ofService(serviceAliases, scope)),
  DESCRIPTION: (predicate) => compilePredicate(predicate, services.description),
  OWNER: ownerIs,
  TIER: (predicate, scope) => positionIs(predicate, scope, services.tierId, tiers, predicate.tierId),
  LIFECYCLE: (predicate, scope) =>
    positionIs(predicate, scope, services.lifecycleId, lifecycles, predicate.lifecycleId),
  LANGUAGE: (predicate) => compilePredicate(predicate, services.language),
  FRAMEWORK: (predicate) => compilePredicate(predicate, services.framework),
  TAG: (predicate, scope) =>
    some(predicate, serviceTags.value, ofService(serviceTags, scope, eq(serviceTags.key, predicate.keyData ?? ''))),
  PROPERTY: (predicate, scope) =>
    some(
      predicate,
      jsonText(serviceProperties.value),
      ofService(serviceProperties, scope, sql`${serviceProperties.definitionId} = ${predicate.definitionId}::uuid`),
      jsonNumber(serviceProperties.value),
    ),
  LINK: (predicate, scope) => {
    const { keyData } = predicate;
    const category = keyData === null ? undefined : eq(serviceLinks.category, keyData);
    return some(predicate, serviceLinks.url, ofService(serviceLinks, scope, category));
  },
  DEPENDENCY: (predicate, scope) =>
    dependency(predicate, scope, serviceDependencies.serviceId, serviceDependencies.dependsOnId),
  DEPENDENT: (predicate, scope) =>
    dependency(predicate, scope, serviceDependencies.dependsOnId, serviceDependencies.serviceId),
  LAST_DEPLOY: deployedAt,
  FILTER: nested,
};

/** The condition that one of several values meets the predicate. `from` selects the values of a service. */
function some(predicate: Predicate, text: SQLWrapper, from: SQL, number?: SQLWrapper): SQL {
  const { comparison, negated } = ruleOf(predicate.operator);
  const found = sql`exists (select 1 ${from} and ${compare(comparison, predicate, { text, number })})`;
  return negated ? sql`not ${found}` : found;
}

/** FROM and WHERE for the rows of a child table of services. */
const ofService = (table: TenantTable & { serviceId: PgColumn }, { organizationId }: Scope, which?: SQL): SQL =>
  sql`from ${table} where ${and(eq(table.organizationId, organizationId), eq(table.serviceId, services.id), which)}`;

/** The condition on the services that a service is connected to: those in the column `other`. */
function dependency(predicate: Predicate, scope: Scope, own: PgColumn, other: PgColumn): SQL {
  const { organizationId, isVisible } = scope;
  const ofThis = and(eq(serviceDependencies.organizationId, organizationId), eq(own, services.id));
  const connected = and(ofThis, isVisible?.(other));
  if (ruleOf(predicate.operator).comparison === 'EXISTS')
    return some(predicate, other, sql`from ${serviceDependencies} where ${connected}`);
  const named = and(eq(serviceAliases.organizationId, organizationId), eq(serviceAliases.serviceId, other));
  const from = sql`from ${serviceDependencies} join ${serviceAliases} on ${named} where ${connected}`;
  return some(predicate, serviceAliases.alias, from);
}

function ownerIs(predicate: Predicate, { organizationId }: Scope): SQL {
  const { comparison, negated } = ruleOf(predicate.operator);
  if (comparison !== 'BELONGS_TO') return refersTo(predicate, services.ownerId, predicate.teamId);
  const children = sql`select ${teams.id} from ${teams} join tree on ${teams.parentId} = tree.id where ${eq(teams.organizationId, organizationId)}`;
  const tree = sql`with recursive tree (id) as (select ${predicate.teamId}::uuid union ${children}) select id from tree`;
  return truthOf(sql`${services.ownerId} in (${tree})`, negated);
}

/** EXISTS and EQUALS for a reference. */
function refersTo({ operator }: Predicate, column: PgColumn, id: string | null): SQL {
  const { comparison, negated } = ruleOf(operator);
  if (comparison === 'EXISTS') return truthOf(sql`${column} is not null`, negated);
  if (comparison === 'EQUALS') return truthOf(sql`${column} = ${id}::uuid`, negated);
  throw new Error(`${comparison} does not compare references`);
}

/** EXISTS and EQUALS for a reference to an object with a position, and comparisons of positions. */
function positionIs(
  predicate: Predicate,
  { organizationId }: Scope,
  column: PgColumn,
  table: typeof tiers | typeof lifecycles,
  id: string | null,
): SQL {
  const { comparison, negated } = ruleOf(predicate.operator);
  const isAtLeast = comparison === 'GREATER_THAN_OR_EQUAL_TO';
  if (!isAtLeast && comparison !== 'LESS_THAN_OR_EQUAL_TO') return refersTo(predicate, column, id);
  const own = eq(table.organizationId, organizationId);
  const position = sql`(select ${table.index} from ${table} where ${and(own, sql`${table.id} = ${id}::uuid`)})`;
  const within = sql`${table.index} ${isAtLeast ? sql`>=` : sql`<=`} ${position}`;
  return truthOf(sql`${column} in (select ${table.id} from ${table} where ${and(own, within)})`, negated);
}

function deployedAt({ operator, value }: Predicate): SQL {
  const { comparison, negated } = ruleOf(operator);
  const column = services.lastDeployAt;
  if (comparison === 'EXISTS') return truthOf(sql`${column} is not null`, negated);
  const isAtLeast = comparison === 'GREATER_THAN_OR_EQUAL_TO';
  if (!isAtLeast && comparison !== 'LESS_THAN_OR_EQUAL_TO') throw new Error(`${comparison} does not compare times`);
  return truthOf(sql`${column} ${isAtLeast ? sql`>=` : sql`<=`} ${value}::timestamptz`, negated);
}

function nested({ operator, nestedId }: Predicate, scope: Scope): SQL {
  const filter = scope.filters.get(nestedId ?? '');
  if (!filter) throw new Error('a nested filter was not loaded');
  return truthOf(compileNested({ ...scope, depth: scope.depth + 1 }, filter), ruleOf(operator).negated);
}
