import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { TenantTable } from '../../data/rows.ts';
import { jsonNumber, jsonText } from '../filter/compare.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { serviceAliases, serviceDependencies, serviceLinks, serviceProperties, serviceTags } from '../service/table.ts';
import { teamContacts, teams } from '../team/table.ts';
import { tiers } from '../tier/table.ts';

/** What the values of a service are about. */
export type Subject =
  | 'NAME'
  | 'DESCRIPTION'
  | 'LANGUAGE'
  | 'FRAMEWORK'
  | 'OWNER'
  | 'OWNER_OR_PARENT'
  | 'CONTACT'
  | 'TIER'
  | 'TIER_NAME'
  | 'LIFECYCLE'
  | 'LIFECYCLE_NAME'
  | 'LAST_DEPLOY'
  | 'ALIAS'
  | 'TAG'
  | 'LINK'
  | 'PROPERTY'
  | 'DEPENDENCY'
  | 'DEPENDENCY_ALIAS'
  | 'DEPENDENT'
  | 'DEPENDENT_ALIAS';

interface Given {
  readonly organizationId: SQL;
  readonly serviceIds: SQL;
  /** The subjects of conditions. Other values are not read. */
  readonly subjects: SQL;
}

/**
 * WITH queries: `batch` has the services, `parent` each owner with its parent teams at any depth, and `value` all values of the
 * services that conditions compare.
 */
export function valuesOf(services: SQL, given: Given): SQL {
  const { organizationId, subjects } = given;
  const own = (table: TenantTable): SQL => sql`${table.organizationId} = ${organizationId}`;
  const parents = sql`select owner_id, owner_id from batch where owner_id is not null
    union select parent.owner_id, ${teams.parentId} from parent join ${teams} on ${own(teams)} and ${teams.id} = parent.id
    where ${teams.parentId} is not null`;
  const scalars = sql`select batch.id, one.subject, null::text, null::text, one.text, one.number from batch
    cross join lateral (values ('NAME', name, null::numeric), ('DESCRIPTION', description, null), ('LANGUAGE', language, null),
      ('FRAMEWORK', framework, null), ('OWNER', owner_id::text, null),
      ('LAST_DEPLOY', last_deploy_at::text, extract(epoch from last_deploy_at) * 1000)) as one (subject, text, number)
    where one.text is not null and one.subject = any(${subjects})`;
  const parts = [
    scalars,
    sql`select batch.id, 'OWNER_OR_PARENT', null, null, parent.id::text, null from batch join parent using (owner_id)
      where ${isNeeded('OWNER_OR_PARENT', given)}`,
    sql`select batch.id, 'CONTACT', ${teamContacts.type}, null, ${teamContacts.type}, null from batch
      join ${teamContacts} on ${own(teamContacts)} and ${teamContacts.teamId} = batch.owner_id
      where ${isNeeded('CONTACT', given)}`,
    positioned(tiers, sql`batch.tier_id`, 'TIER', given),
    positioned(lifecycles, sql`batch.lifecycle_id`, 'LIFECYCLE', given),
    partsOf(serviceAliases, 'ALIAS', serviceAliases.alias, given),
    partsOf(serviceTags, 'TAG', serviceTags.value, given, { key: serviceTags.key }),
    partsOf(serviceLinks, 'LINK', serviceLinks.url, given, { key: serviceLinks.category, name: serviceLinks.name }),
    partsOf(serviceProperties, 'PROPERTY', jsonText(serviceProperties.value), given, {
      key: sql`${serviceProperties.definitionId}::text`,
      number: jsonNumber(serviceProperties.value),
    }),
    ...connected('DEPENDENCY', serviceDependencies.serviceId, serviceDependencies.dependsOnId, given),
    ...connected('DEPENDENT', serviceDependencies.dependsOnId, serviceDependencies.serviceId, given),
  ];
  return sql`with recursive batch as materialized (${services}), parent (owner_id, id) as (${parents}),
    value (service_id, subject, key, name, text, number) as materialized (${sql.join(parts, sql` union all `)})`;
}

const literal = (subject: Subject): SQL => sql.raw(`'${subject}'`);

const isNeeded = (subject: Subject, { subjects }: Given): SQL => sql`${literal(subject)} = any(${subjects})`;

/** The ID, the name and the position of a tier or lifecycle stage. */
const positioned = (
  table: typeof tiers | typeof lifecycles,
  reference: SQL,
  subject: 'TIER' | 'LIFECYCLE',
  { organizationId, subjects }: Given,
): SQL =>
  sql`select batch.id, one.subject, null, null, one.text, ${table.index} from batch
    join ${table} on ${table.organizationId} = ${organizationId} and ${table.id} = ${reference}
    cross join lateral (values (${literal(subject)}, ${table.id}::text), (${literal(`${subject}_NAME`)}, ${table.name}))
      as one (subject, text) where one.subject = any(${subjects})`;

type Part = SQL | PgColumn;

/** The rows of a child table of services. */
const partsOf = (
  table: TenantTable & { serviceId: PgColumn },
  subject: Subject,
  text: Part,
  given: Given,
  { key = sql`null`, name = sql`null`, number = sql`null` }: { key?: Part; name?: Part; number?: Part } = {},
): SQL =>
  sql`select ${table.serviceId}, ${literal(subject)}, ${key}, ${name}, ${text}, ${number} from ${table}
    where ${table.organizationId} = ${given.organizationId} and ${table.serviceId} = any(${given.serviceIds})
      and ${isNeeded(subject, given)}`;

/** The services that a service is connected to: those in the column `other`, and their aliases. */
function connected(subject: 'DEPENDENCY' | 'DEPENDENT', own: PgColumn, other: PgColumn, given: Given): SQL[] {
  const { organizationId, serviceIds } = given;
  const alias = `${subject}_ALIAS` as const;
  const ofBatch = sql`${serviceDependencies.organizationId} = ${organizationId} and ${own} = any(${serviceIds})`;
  return [
    sql`select ${own}, ${literal(subject)}, null, null, ${other}::text, null from ${serviceDependencies}
      where ${ofBatch} and ${isNeeded(subject, given)}`,
    sql`select ${own}, ${literal(alias)}, null, null, ${serviceAliases.alias}, null from ${serviceDependencies}
      join ${serviceAliases} on ${serviceAliases.organizationId} = ${organizationId} and ${serviceAliases.serviceId} = ${other}
      where ${ofBatch} and ${isNeeded(alias, given)}`,
  ];
}
