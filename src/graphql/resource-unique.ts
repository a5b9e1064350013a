import { sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../context.ts';
import { arrayParam } from '../db/array.ts';
import { queryRows } from '../db/reader.ts';
import { invalid, userError } from '../lib/errors.ts';
import { nounOf } from '../lib/words.ts';
import type { Input } from './resource-inputs.ts';
import { type AnyRow, columnOf, type Resource } from './resource-model.ts';

interface Prepared {
  readonly path: readonly string[];
  readonly values: Input;
  readonly before?: AnyRow;
}

/**
 * Refuses values that other objects have, or that two inputs give, with the path of each. A violated unique index does not
 * tell which of several rows violates it. PostgreSQL compares, because its lower-case letters are those of the index.
 */
export async function refuseTakenValues(ctx: Context, resource: Resource, targets: readonly Prepared[]): Promise<void> {
  const errors = [];
  for (const [key, { unique }] of resource.attributes) {
    const given = targets.filter(({ values, before }) => values[key] != null && values[key] !== before?.[key]);
    if (!unique || given.length === 0) continue;
    const { table } = resource;
    const column = columnOf(resource, key);
    const values = arrayParam(given.map((target) => target.values[key] as string));
    const ids = arrayParam(given.map((target) => (target.before?.id ?? target.values['id']) as string));
    const taken = await queryRows<{ at: number }>(
      await db(ctx),
      sql`with given as (select * from unnest(${values}::text[], ${ids}::uuid[]) with ordinality as g(value, id, at))
        select g.at::int as at from given g where exists (
          select from ${table} where ${table.organizationId} = ${tenant(ctx)} and lower(${column}) = lower(g.value) and ${table.id} <> g.id
        ) or exists (select from given other where lower(other.value) = lower(g.value) and other.at < g.at)`,
    );
    const message = `Another ${resource.noun} has this ${nounOf(key)}.`;
    errors.push(...taken.map(({ at }) => userError('TAKEN', [...(given[at - 1] as Prepared).path, key], message)));
  }
  if (errors.length > 0) throw invalid(...errors);
}
