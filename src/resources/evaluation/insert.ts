import { clientOf } from '../../db/client.ts';
import { newId } from '../../lib/ids.ts';
import type { Differences, LevelDifferences } from './differences.ts';
import type { Scope } from './scope.ts';

/** Rows of one statement. Each number is a statement that every connection plans once. */
const SIZES = [1_000, 100, 10, 1] as const;

/** The columns of a statement: those with the same value in each row, then those with a value of their own. */
interface Target {
  readonly table: string;
  readonly common: readonly string[];
  readonly own: readonly string[];
  readonly end?: string;
}

const RESULTS: Target = {
  table: 'check_results',
  common: ['organization_id', 'created_at'],
  own: ['id', 'service_id', 'check_id', 'status'],
};

const levelsIn = (table: string, section: string): Target => ({
  table,
  common: ['organization_id'],
  own: ['id', 'service_id', section, 'level_id'],
  end: `on conflict (organization_id, service_id, ${section}) do update set level_id = excluded.level_id`,
});

const LEVELS = levelsIn('service_levels', 'category_id');
const SCORECARD_LEVELS = levelsIn('scorecard_levels', 'scorecard_id');
const MISSING_CHECKS: Target = {
  table: 'service_missing_checks',
  common: ['organization_id'],
  own: ['service_id', 'check_ids'],
  end: 'on conflict (organization_id, service_id) do update set check_ids = excluded.check_ids',
};

const TEXTS = new Map(
  [RESULTS, LEVELS, SCORECARD_LEVELS, MISSING_CHECKS].map((target) => [
    target,
    new Map(SIZES.map((rows) => [rows, textFor(target, rows)])),
  ]),
);

function textFor({ table, common, own, end = '' }: Target, rows: number): string {
  const shared = common.map((_, at) => `$${at + 1}`);
  const values = (row: number) => own.map((_, at) => `$${common.length + row * own.length + at + 1}`);
  const all = Array.from({ length: rows }, (_, row) => `(${[...shared, ...values(row)].join(', ')})`);
  return `insert into ${table} (${[...common, ...own].join(', ')}) values ${all.join(', ')} ${end}`;
}

export const insertResults = ({ db, organizationId, now }: Scope, added: Differences['added']): Promise<void> =>
  insert(db, RESULTS, [organizationId, now.toISOString()], added, ({ serviceId, checkId, status }) => [
    newId(),
    serviceId,
    checkId,
    status,
  ]);

const insertInto =
  (target: Target) =>
  ({ db, organizationId }: Scope, changed: LevelDifferences['changed']): Promise<void> =>
    insert(db, target, [organizationId], changed, ({ serviceId, sectionId, levelId }) => [
      newId(),
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

/** With VALUES, because Citus does not allow INSERT … SELECT into a table with row-level security. */
async function insert<Row>(
  db: Scope['db'],
  target: Target,
  common: readonly string[],
  rows: readonly Row[],
  valuesOf: (row: Row) => string[],
): Promise<void> {
  const texts = TEXTS.get(target);
  for (let at = 0; at < rows.length; ) {
    const size = SIZES.find((number) => number <= rows.length - at) ?? 1;
    const params = [...common, ...rows.slice(at, at + size).flatMap(valuesOf)];
    await clientOf(db)
      .unsafe(texts?.get(size) ?? '', params as never[], { prepare: true })
      .execute();
    at += size;
  }
}
