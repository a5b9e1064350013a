import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { TenantTable } from '../../data/rows.ts';
import type { CheckRow } from '../check/service.ts';
import { type Predicate, type ServiceProperty, type Settings, settingsOf } from '../check/settings.ts';
import type { CheckType } from '../check/table.ts';
import { checkResults } from '../check-result/table.ts';
import { compilePredicate, jsonText } from '../filter/compare.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { serviceDependencies, serviceLinks, serviceProperties, services, serviceTags } from '../service/table.ts';
import { teamContacts } from '../team/table.ts';
import { tiers } from '../tier/table.ts';

export const DAY = 86_400_000;

interface Given {
  readonly check: CheckRow;
  readonly now: Date;
}

/** The status of a check for a row of `services` as SQL: `P` for passed, `F` for failed and `X` for pending. */
export const statusOf = (given: Given): SQL =>
  given.check.type === 'MANUAL'
    ? reportedStatus(given)
    : sql`case when ${CONDITIONS[given.check.type](given)} then 'P' else 'F' end`;

/** Whether a service passes a check, for each type that Ambit evaluates itself. */
const CONDITIONS: { readonly [Type in Exclude<CheckType, 'MANUAL'>]: (given: Given) => SQL } = {
  HAS_OWNER: hasOwner,
  SERVICE_PROPERTY: hasProperty,
  TAG_DEFINED(given) {
    const { key, predicate } = settings('TAG_DEFINED', given);
    return some(given, serviceTags, and(same(serviceTags.key, key), meets(predicate, serviceTags.value)));
  },
  LINK(given) {
    const { category, name, predicate } = settings('LINK', given);
    const { url, ...link } = serviceLinks;
    return some(given, serviceLinks, and(same(link.category, category), same(link.name, name), meets(predicate, url)));
  },
  HAS_DEPENDENCY: (given) => some(given, serviceDependencies),
  RECENT_DEPLOY(given) {
    const since = new Date(given.now.getTime() - settings('RECENT_DEPLOY', given).days * DAY);
    return sql`${services.lastDeployAt} > ${since.toISOString()}::timestamptz`;
  },
};

const settings = <Type extends CheckType>(type: Type, { check }: Given): Settings[Type] =>
  settingsOf(type, check.settings);

/** Without a value, every row is accepted. */
const same = (column: PgColumn, value: string | null): SQL | undefined =>
  value === null ? undefined : eq(column, value);

const meets = (predicate: Predicate | null, text: PgColumn): SQL | undefined =>
  predicate ? compilePredicate(predicate, text) : undefined;

/** Whether the service has a part that meets the condition. Names the organization, so that a cluster uses one shard. */
const some = (
  { check }: Given,
  table: TenantTable & { serviceId: PgColumn },
  which?: SQL,
  found: SQL = sql`1`,
): SQL => {
  const own = and(eq(table.organizationId, check.organizationId), eq(table.serviceId, services.id), which);
  return sql`exists (select ${found} from ${table} where ${own})`;
};

function hasOwner(given: Given): SQL {
  const { contactRequired, contactType } = settings('HAS_OWNER', given);
  if (!contactRequired && !contactType) return sql`${services.ownerId} is not null`;
  const own = and(
    eq(teamContacts.organizationId, given.check.organizationId),
    eq(teamContacts.teamId, services.ownerId),
    same(teamContacts.type, contactType),
  );
  return sql`exists (select 1 from ${teamContacts} where ${own})`;
}

function hasProperty(given: Given): SQL {
  const { check } = given;
  const { property, predicate } = settings('SERVICE_PROPERTY', given);
  if (!property && !check.definitionId) return sql`false`;
  const value = property ? PROPERTIES[property](check.organizationId) : definedProperty(check);
  return predicate ? compilePredicate(predicate, value) : sql`${value} is not null`;
}

const nameOf = (table: typeof tiers | typeof lifecycles, column: PgColumn) => (organizationId: string) =>
  sql`(select ${table.name} from ${table} where ${and(eq(table.organizationId, organizationId), eq(table.id, column))})`;

const PROPERTIES: { readonly [Property in ServiceProperty]: (organizationId: string) => SQL } = {
  NAME: () => sql`${services.name}`,
  DESCRIPTION: () => sql`${services.description}`,
  LANGUAGE: () => sql`${services.language}`,
  FRAMEWORK: () => sql`${services.framework}`,
  TIER: nameOf(tiers, services.tierId),
  LIFECYCLE: nameOf(lifecycles, services.lifecycleId),
};

function definedProperty({ organizationId, definitionId }: CheckRow): SQL {
  const own = and(
    eq(serviceProperties.organizationId, organizationId),
    eq(serviceProperties.serviceId, services.id),
    sql`${serviceProperties.definitionId} = ${definitionId}::uuid`,
  );
  return sql`(select ${jsonText(serviceProperties.value)} from ${serviceProperties} where ${own})`;
}

/** A report counts until it expires, also if the check did not apply or did not count in the meantime. */
function reportedStatus({ check, now }: Given): SQL {
  const { status, expiresAt } = checkResults;
  const own = and(
    eq(checkResults.organizationId, check.organizationId),
    eq(checkResults.checkId, check.id),
    eq(checkResults.serviceId, services.id),
    sql`${checkResults.reportedById} is not null`,
  );
  const isExpired = sql`${expiresAt} <= ${now.toISOString()}::timestamptz`;
  const letter = sql`case when ${isExpired} then 'X' when ${status} = 'PASSED' then 'P' when ${status} = 'FAILED' then 'F' else 'X' end`;
  const latest = sql`select ${letter} from ${checkResults} where ${own} order by ${checkResults.createdAt} desc, ${checkResults.id} desc limit 1`;
  return sql`coalesce((${latest}), 'X')`;
}
