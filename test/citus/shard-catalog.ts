import type { Sql } from 'postgres';

/** What must be the same on a table and on each of its shards. `%1$s` is the name of the relation. */
const PROPERTIES = `select jsonb_build_object(
  'security', (select array[relrowsecurity, relforcerowsecurity] from pg_class where oid = '%1$s'::regclass),
  'owner', (select relowner::regrole from pg_class where oid = '%1$s'::regclass),
  'grants', (select array_agg(a::text order by a::text) from pg_class, unnest(relacl) a where oid = '%1$s'::regclass),
  'columns', (select jsonb_agg(array[attname::text, atttypid::regtype::text, attnotnull::text, attacl::text] order by attname)
    from pg_attribute where attrelid = '%1$s'::regclass and attnum > 0 and not attisdropped),
  'policies', (select jsonb_agg(jsonb_build_array(polname, polcmd, polpermissive, polroles::regrole[]::text,
      pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) order by polname)
    from pg_policy where polrelid = '%1$s'::regclass),
  'triggers', (select jsonb_agg(array[tgname::text, tgtype::text, tgenabled::text, tgfoid::regproc::text] order by tgname)
    from pg_trigger where tgrelid = '%1$s'::regclass and not tgisinternal),
  'constraints', (select jsonb_agg(array[pg_get_constraintdef(oid), convalidated::text])
    from pg_constraint where conrelid = '%1$s'::regclass and contype <> 't'),
  'indexes', (select jsonb_agg(array[indisunique, indisvalid] order by indisunique, indisvalid)
    from pg_index where indrelid = '%1$s'::regclass)) as properties`;

/** In names on a shard, Citus adds its number. */
const withoutNumbers = (text: string): string => text.replace(/_\d{6,}\b/g, '');

/** A line for each shard that differs from its table. What is missing on a shard is not enforced there. */
export async function differencesOfShards(root: Sql): Promise<string[]> {
  const tables = await root<{ name: string }[]>`select logicalrelid::text as name from pg_dist_partition order by 1`;
  const differences: string[] = [];
  for (const { name } of tables) {
    const [own] = await root.unsafe(PROPERTIES.replaceAll('%1$s', name));
    const shards = await root`
      select s.shardid::text as number, r.success, r.result from run_command_on_shards(${name}::regclass, ${PROPERTIES}) r
      join pg_dist_shard s on s.shardid = r.shardid`;
    if (shards.length === 0) differences.push(`${name} has no shards`);
    for (const { number, success, result } of shards) {
      const properties = success ? JSON.parse(withoutNumbers(result)) : {};
      const different = Object.entries(own?.['properties'])
        .filter(
          ([property, value]) => !isEqual(JSON.parse(withoutNumbers(JSON.stringify(value))), properties[property]),
        )
        .map(([property]) => property);
      if (different.length > 0) differences.push(`${name}_${number} differs from ${name} in ${different.join(', ')}`);
    }
  }
  return differences;
}

/** The order of names differs with the number of the shard. */
function isEqual(one: unknown, other: unknown): boolean {
  const text = (value: unknown): string =>
    JSON.stringify(Array.isArray(value) ? value.map((part) => JSON.stringify(part)).toSorted() : value);
  return text(one) === text(other);
}
