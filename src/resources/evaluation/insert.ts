import { type Db, isInCluster } from '../../db/client.ts';
import type { Differences, LevelDifferences } from './differences.ts';
import { insertArrays, insertValues, statementsFor, type Target } from './insert-rows.ts';
import type { Scope } from './scope.ts';

const RESULTS = statementsFor({
  table: 'check_results',
  common: ['organization_id', 'created_at'],
  own: { service_id: 'uuid', check_id: 'uuid', status: 'text' },
});

const levelsIn = (table: string, section: string) =>
  statementsFor({
    table,
    common: ['organization_id'],
    own: { service_id: 'uuid', [section]: 'uuid', level_id: 'uuid' },
    end: `on conflict (organization_id, service_id, ${section}) do update set level_id = excluded.level_id`,
  });

const LEVELS = levelsIn('service_levels', 'category_id');
const SCORECARD_LEVELS = levelsIn('scorecard_levels', 'scorecard_id');
const MISSING_CHECKS = statementsFor({
  table: 'service_missing_checks',
  common: ['organization_id'],
  hasId: false,
  own: { service_id: 'uuid', check_ids: 'uuid[]' },
  end: 'on conflict (organization_id, service_id) do update set check_ids = excluded.check_ids',
});

export const insertResults = ({ db, organizationId, now }: Scope, added: Differences['added']): Promise<void> =>
  insert(db, RESULTS, [organizationId, now.toISOString()], added, ({ serviceId, checkId, status }) => [
    serviceId,
    checkId,
    status,
  ]);

const insertInto =
  (target: Target) =>
  ({ db, organizationId }: Scope, changed: LevelDifferences['changed']): Promise<void> =>
    insert(db, target, [organizationId], changed, ({ serviceId, sectionId, levelId }) => [
      serviceId,
      sectionId,
      levelId,
    ]);

export const insertLevels = insertInto(LEVELS);
export const insertScorecardLevels = insertInto(SCORECARD_LEVELS);

export const insertMissingChecks = (
  { db, organizationId }: Scope,
  changed: Differences['missingChecks'],
): Promise<void> =>
  insert(db, MISSING_CHECKS, [organizationId], changed, ({ serviceId, checkIds }) => [serviceId, checkIds]);

/** Citus does not support INSERT … SELECT into a table with row-level security. */
const insert = <Row>(
  db: Db,
  target: Target,
  common: readonly string[],
  rows: readonly Row[],
  valuesOf: (row: Row) => string[],
): Promise<void> => (isInCluster(db) ? insertValues : insertArrays)(db, target, { common, rows, valuesOf });
