import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { dialect } from '../../db/client.ts';
import {
  isReported,
  type Predicate,
  type ReportedType,
  type ServiceProperty,
  type Settings,
  settingsOf,
} from '../check/settings.ts';
import type { CheckType } from '../check/table.ts';
import { compilePredicate } from '../filter/compare.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { serviceDependencies, serviceLinks, services, serviceTags } from '../service/table.ts';
import { teamContacts } from '../team/table.ts';
import { tiers } from '../tier/table.ts';
import type { CheckToEvaluate } from './checks.ts';

export const DAY = 86_400_000;

interface Given {
  readonly check: CheckToEvaluate;
  readonly now: Date;
  /** Whether only a few services are evaluated. */
  readonly areFew: boolean;
}

/**
 * The status of a check for a row of `services` as SQL: `P` for passed, `F` for failed and `X` for pending. `reported` has
 * the letters of the last reports, and `defined` the texts of properties, as JSON. The tables are the queries of `parts.ts`,
 * which contain only rows of the organization.
 */
export function statusOf(given: Given): SQL {
  const { type } = given.check;
  return isReported(type)
    ? reportedStatus(given.check)
    : sql`case when ${CONDITIONS[type](given)} then 'P' else 'F' end`;
}

/** Whether a service passes a check, for each type that Ambit evaluates itself. */
const CONDITIONS: { readonly [Type in Exclude<CheckType, ReportedType>]: (given: Given) => SQL } = {
  HAS_OWNER: hasOwner,
  SERVICE_PROPERTY: hasProperty,
  TAG_DEFINED(given) {
    const { key, predicate } = settings('TAG_DEFINED', given);
    return some(given, TAG.exists, same(TAG.key, key), meets(predicate, serviceTags.value));
  },
  LINK(given) {
    const { category, name, predicate } = settings('LINK', given);
    return some(
      given,
      LINK.exists,
      same(LINK.category, category),
      same(LINK.name, name),
      meets(predicate, serviceLinks.url),
    );
  },
  HAS_DEPENDENCY: (given) => some(given, DEPENDENCY),
  RECENT_DEPLOY(given) {
    const since = new Date(given.now.getTime() - settings('RECENT_DEPLOY', given).days * DAY);
    return sql`${LAST_DEPLOY}${since.toISOString()}::timestamptz`;
  },
};

/** A part without parameters, written once, because Drizzle takes long to write names. */
const constant = (part: SQL): SQL => sql.raw(dialect.sqlToQuery(part).sql);

const existsIn = (table: PgTable & { serviceId: PgColumn }): SQL =>
  constant(sql`exists (select 1 from ${table} where ${table.serviceId} = ${services.id}`);

const TAG = { exists: existsIn(serviceTags), key: constant(sql`${serviceTags.key} = `) };
const LINK = {
  exists: existsIn(serviceLinks),
  category: constant(sql`${serviceLinks.category} = `),
  name: constant(sql`${serviceLinks.name} = `),
};
const DEPENDENCY = existsIn(serviceDependencies);
const LAST_DEPLOY = constant(sql`${services.lastDeployAt} > `);

const settings = <Type extends CheckType>(type: Type, { check }: Given): Settings[Type] =>
  settingsOf(type, check.settings);

/** Without a value, every row is accepted. */
const same = (equals: SQL, value: string | null): SQL | undefined =>
  value === null ? undefined : sql`${equals}${value}`;

const meets = (predicate: Predicate | null, text: PgColumn): SQL | undefined =>
  predicate ? compilePredicate(predicate, text) : undefined;

/**
 * Whether the service has a part that meets the conditions. `exists` is its beginning. PostgreSQL would create a hash table for
 * each condition, which is faster for many services only. OFFSET prevents it (measured for 200 checks and one service: 7.5 and
 * 1.9 ms).
 */
const some = ({ areFew }: Given, exists: SQL, ...which: (SQL | undefined)[]): SQL => {
  const conditions = which.filter((one) => one !== undefined).map((one) => sql` and ${one}`);
  return sql`${exists}${sql.join(conditions)}${areFew ? FEW_END : END}`;
};
const END = sql.raw(')');
const FEW_END = sql.raw(' offset 0)');

function hasOwner(given: Given): SQL {
  const { contactRequired, contactType } = settings('HAS_OWNER', given);
  if (!contactRequired && !contactType) return sql`${services.ownerId} is not null`;
  const type = contactType === null ? undefined : sql` and ${teamContacts.type} = ${contactType}`;
  return sql`exists (select 1 from ${teamContacts} where ${teamContacts.teamId} = ${services.ownerId}${type})`;
}

function hasProperty(given: Given): SQL {
  const { definitionId } = given.check;
  const { property, predicate } = settings('SERVICE_PROPERTY', given);
  if (!property && !definitionId) return sql`false`;
  const value = property ? PROPERTIES[property] : sql`(defined.texts ->> ${definitionId}::text)`;
  return predicate ? compilePredicate(predicate, value, numberIn(value)) : sql`${value} is not null`;
}

/** The text as a number. Null for another text. */
const numberIn = (text: SQL): SQL =>
  sql`case when ${text} ~ '^-?[0-9]{1,100}([.][0-9]{1,100})?$' then ${text}::numeric end`;

const nameOf = (table: typeof tiers | typeof lifecycles, column: PgColumn): SQL =>
  sql`(select ${table.name} from ${table} where ${table.id} = ${column})`;

const PROPERTIES: { readonly [Property in ServiceProperty]: SQL } = {
  NAME: sql`${services.name}`,
  DESCRIPTION: sql`${services.description}`,
  LANGUAGE: sql`${services.language}`,
  FRAMEWORK: sql`${services.framework}`,
  TIER: nameOf(tiers, services.tierId),
  LIFECYCLE: nameOf(lifecycles, services.lifecycleId),
};

/** A report counts until it expires, also if the check did not apply or did not count in the meantime. */
const reportedStatus = ({ id }: CheckToEvaluate): SQL => sql`coalesce(reported.letters ->> ${id}::text, 'X')`;
