import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { TenantTable } from '../../data/rows.ts';
import { arrayParam } from '../../db/array.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { serviceDependencies, serviceLinks, serviceTags } from '../service/table.ts';
import { teamContacts, teams } from '../team/table.ts';
import { tiers } from '../tier/table.ts';

/**
 * WITH queries that have the names of tables and contain only the rows that a batch of services needs. The conditions of
 * filters and checks then read them instead of the tables. So hundreds of conditions read each table once, and PostgreSQL does
 * not plan an index search and the policy of row-level security for each of them (measured for 200 checks and one service: 17
 * instead of 5 ms).
 */
export function partsOf(organizationId: string, serviceIds: readonly string[]): SQL {
  const ofBatch = (column: PgColumn): SQL => sql`${column} = any(${arrayParam(serviceIds)}::uuid[])`;
  const { serviceId, dependsOnId } = serviceDependencies;
  const parts: [TenantTable, SQL?][] = [
    [serviceTags, ofBatch(serviceTags.serviceId)],
    [serviceLinks, ofBatch(serviceLinks.serviceId)],
    [serviceDependencies, sql`(${ofBatch(serviceId)} or ${ofBatch(dependsOnId)})`],
    [teamContacts],
    [teams],
    [tiers],
    [lifecycles],
  ];
  const all = parts.map(([table, which]) => {
    const own = sql`${table.organizationId} = ${organizationId}`;
    const rows: SQLWrapper = which ? sql`${own} and ${which}` : own;
    return sql`${table} as materialized (select * from ${table} where ${rows})`;
  });
  return sql`with ${sql.join(all, sql`, `)}`;
}
