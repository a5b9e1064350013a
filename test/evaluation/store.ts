import type { Sql } from 'postgres';
import { newId } from '../../src/lib/ids.ts';
import type { FilterWithPredicates } from '../../src/resources/filter/compile.ts';
import { insertWorld } from '../filter/insert-world.ts';
import type { NaiveService } from '../filter/naive.ts';
import type { Model, NaiveCampaign, NaiveCheck, NaiveReport } from './naive.ts';

type Row = Record<string, unknown>;

/** Writes a model to the database by SQL. */
export function storeOf(root: Sql, { world, categories, scorecards, campaigns, levelIds }: Model) {
  const { organizationId } = world;
  const insert = async (table: string, rows: Row[]): Promise<void> => {
    if (rows.length === 0) return;
    const made = rows.map((row) => ({ id: newId(), organization_id: organizationId, ...row }));
    const columns = Object.keys(made[0] ?? {}).join(', ');
    await root.unsafe(
      `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
      [JSON.stringify(made)],
    );
  };
  const remove = (table: string, column: string, id: string) =>
    root`delete from ${root(table)} where organization_id = ${organizationId} and ${root(column)} = ${id}`;
  const positions = async (table: string, ids: readonly string[]): Promise<void> => {
    await root`update ${root(table)} set index = -1 - index where organization_id = ${organizationId}`;
    for (const [index, id] of ids.entries())
      await root`update ${root(table)} set index = ${index} where organization_id = ${organizationId} and id = ${id}`;
  };

  const store = {
    async create(): Promise<void> {
      await insertWorld(root, world);
      await insert(
        'scorecards',
        scorecards.map(({ id }) => ({ id, name: id, ...TIMES })),
      );
      await insert(
        'campaigns',
        campaigns.map(({ id, startAt }) => ({ id, name: id, start_at: timeOf(startAt), ...TIMES })),
      );
      await insert(
        'categories',
        categories.map(({ id, scorecardId }) => ({ id, name: id, scorecard_id: scorecardId })),
      );
      await insert(
        'levels',
        levelIds.map((id, index) => ({ id, name: id, index })),
      );
      const filters = [...world.filters];
      await insert(
        'filters',
        filters.map(([id, { connective }]) => ({ id, name: id, connective, ...TIMES })),
      );
      for (const [id, filter] of filters) await insertPredicates(id, filter);
    },
    async setCampaign({ id, startAt, endedAt }: NaiveCampaign): Promise<void> {
      await root`update campaigns set start_at = ${timeOf(startAt)}, ended_at = ${timeOf(endedAt)}
        where organization_id = ${organizationId} and id = ${id}`;
    },
    async setContainerFilter({ id, filterId }: Model['scorecards'][number]): Promise<void> {
      for (const table of ['campaigns', 'scorecards'])
        await root`update ${root(table)} set filter_id = ${filterId} where organization_id = ${organizationId} and id = ${id}`;
    },
    async replaceFilter(id: string, filter: FilterWithPredicates): Promise<void> {
      await root`update filters set connective = ${filter.connective} where organization_id = ${organizationId} and id = ${id}`;
      await remove('filter_predicates', 'filter_id', id);
      await insertPredicates(id, filter);
    },
    async replaceService({ id, tags, links, properties, dependsOn, ...service }: NaiveService): Promise<void> {
      const { ownerId, tierId, lifecycleId, language, framework, description, lastDeployAt } = service;
      await root`update services set owner_id = ${ownerId}, tier_id = ${tierId}, lifecycle_id = ${lifecycleId},
        language = ${language}, framework = ${framework}, description = ${description}, last_deploy_at = ${lastDeployAt}
        where organization_id = ${organizationId} and id = ${id}`;
      for (const table of ['service_tags', 'service_links', 'service_dependencies', 'service_properties'])
        await remove(table, 'service_id', id);
      await insert(
        'service_tags',
        tags.map((tag) => ({ service_id: id, ...tag })),
      );
      await insert(
        'service_links',
        links.map((link) => ({ service_id: id, ...link, name: 'A link' })),
      );
      await insert(
        'service_dependencies',
        dependsOn.map((other) => ({ service_id: id, depends_on_id: other })),
      );
      for (const [definition, value] of Object.entries(properties))
        await root`insert into service_properties (organization_id, id, service_id, definition_id, value)
          values (${organizationId}, ${newId()}, ${id}, ${definition}, ${JSON.stringify(value)}::text::jsonb)`;
    },
    async replaceCheck(check: NaiveCheck): Promise<void> {
      const { type, ...settings } = check.settings;
      const row = {
        id: check.id,
        name: check.id,
        type,
        settings,
        category_id: check.categoryId,
        level_id: check.levelId,
        filter_id: check.filterId,
        campaign_id: check.campaignId,
        definition_id: check.definitionId,
        enabled: check.enabled,
        enable_on: timeOf(check.enableOn),
        pass_pending: check.passPending,
        ...TIMES,
      };
      // The results stay, because no foreign key refers to the check.
      await remove('checks', 'id', check.id);
      await insert('checks', [row]);
    },
    async deleteCheck(id: string): Promise<void> {
      await remove('checks', 'id', id);
      await remove('check_results', 'check_id', id);
    },
    async report({ checkId, serviceId, status, expiresAt }: NaiveReport, now: number): Promise<void> {
      const at = new Date(now).toISOString();
      await root`update check_results set replaced_at = ${at} where organization_id = ${organizationId}
        and check_id = ${checkId} and service_id = ${serviceId} and replaced_at is null`;
      const times = { created_at: at, expires_at: timeOf(expiresAt) };
      const row = { check_id: checkId, service_id: serviceId, status, reported_by_id: newId(), ...times };
      await insert('check_results', [row]);
    },
    async setTeam(id: string, parentId: string | null, contact: string | null): Promise<void> {
      await root`update teams set parent_id = ${parentId} where organization_id = ${organizationId} and id = ${id}`;
      await remove('team_contacts', 'team_id', id);
      if (contact)
        await insert('team_contacts', [{ team_id: id, type: contact, address: 'an address', preferred: false }]);
    },
    orderLevels: (ids: readonly string[]) => positions('levels', ids),
    orderTiers: (ids: readonly string[]) => positions('tiers', ids),
  };

  const insertPredicates = (filterId: string, { predicates }: FilterWithPredicates): Promise<void> =>
    insert(
      'filter_predicates',
      predicates.map((predicate, position) => ({
        filter_id: filterId,
        position,
        key: predicate.key,
        key_data: predicate.keyData,
        operator: predicate.operator,
        value: predicate.value,
        case_sensitive: predicate.caseSensitive,
        team_id: predicate.teamId,
        tier_id: predicate.tierId,
        lifecycle_id: predicate.lifecycleId,
        definition_id: predicate.definitionId,
        nested_id: predicate.nestedId,
      })),
    );

  return store;
}

const timeOf = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

const TIMES = { created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' };
