import type { Sql } from 'postgres';
import { newId } from '../../src/lib/ids.ts';
import type { World } from './worlds.ts';

/** Inserts a random organization with its services by SQL. */
export async function insertWorld(root: Sql, world: World): Promise<void> {
  const { organizationId, services, teams, tiers, lifecycles, definitions } = world;
  const insert = async (table: string, rows: Record<string, unknown>[]): Promise<void> => {
    if (rows.length === 0) return;
    const made = rows.map((row) => ({ id: newId(), organization_id: organizationId, ...row }));
    const columns = Object.keys(made[0] ?? {}).join(', ');
    await root.unsafe(
      `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
      [JSON.stringify(made)],
    );
  };
  // When a failure is minimized, the same organization comes again.
  await root`delete from organizations where id = ${organizationId}`;
  await root`insert into organizations (id, slug, name, plan) values (${organizationId}, ${organizationId}, 'World', 'FREE')`;
  await insert(
    'teams',
    teams.map(({ id, parentId }) => ({ id, name: id, parent_id: parentId })),
  );
  for (const [table, ids] of [
    ['tiers', tiers],
    ['lifecycles', lifecycles],
  ] as const)
    await insert(
      table,
      ids.map((id, index) => ({ id, name: id, index })),
    );
  await insert(
    'property_definitions',
    definitions.map((id) => ({ id, name: id, schema: {}, ...TIMES })),
  );
  await insert(
    'services',
    services.map((service) => ({
      id: service.id,
      name: service.name,
      description: service.description,
      owner_id: service.ownerId,
      tier_id: service.tierId,
      lifecycle_id: service.lifecycleId,
      language: service.language,
      framework: service.framework,
      last_deploy_at: service.lastDeployAt,
      ...TIMES,
    })),
  );
  const children = <Child>(of: (service: World['services'][number]) => Child[]): (Child & { service_id: string })[] =>
    services.flatMap((service) => of(service).map((child) => ({ service_id: service.id, ...child })));
  await insert(
    'service_aliases',
    children(({ aliases }) => aliases.map((alias) => ({ alias }))),
  );
  await insert(
    'service_tags',
    children(({ tags }) => tags),
  );
  await insert(
    'service_links',
    children(({ links }) => links.map((link) => ({ ...link, name: 'A link' }))),
  );
  await insert(
    'service_dependencies',
    children(({ dependsOn }) => dependsOn.map((id) => ({ depends_on_id: id }))),
  );
  // The JSON value null is a value, not NULL.
  const values = children(({ properties }) =>
    Object.entries(properties).map(([id, value]) => ({ id: newId(), definition_id: id, value: JSON.stringify(value) })),
  );
  await root`
    insert into service_properties (organization_id, id, service_id, definition_id, value)
    select ${organizationId}, id, service_id, definition_id, value::jsonb
    from jsonb_to_recordset(${JSON.stringify(values)}::text::jsonb)
      as given (id uuid, service_id uuid, definition_id uuid, value text)`;
}

const TIMES = { created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' };
