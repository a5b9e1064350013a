import { serviceOf } from '../../access/ownership.ts';
import { builder, type SchemaTypes } from '../../graphql/builder.ts';
import { referenceField } from '../../graphql/reference-field.ts';
import { canSee, type GivenReference, loadReferenced, referenceInputOf } from '../../graphql/target.ts';
import { Category } from '../category/resource.ts';
import { CheckResult } from '../check-result/resource.ts';
import type { CheckStatus } from '../check-result/table.ts';
import { Level } from '../level/resource.ts';
import { Scorecard } from '../scorecard/resource.ts';
import { Service } from '../service/resource.ts';
import { findMaturity, type Maturity, missingFor, nextLevel, type RatedResult } from './maturity.ts';

/** Results with a level of their own: all of them, or those of a category. */
interface Section {
  maturity: Maturity;
  categoryId: string | null;
  /** Null if no check applies. */
  level: number | null;
  results: readonly RatedResult[];
}

/** The results in the checks of one level. */
interface LevelSection {
  levelId: string;
  results: readonly RatedResult[];
}

/** The most results that a list returns. The numbers are always those of all results. */
const MAX_LISTED = 100;
const LISTED = `At most ${MAX_LISTED}.`;

const numberOf = (results: readonly RatedResult[], status: CheckStatus): number =>
  results.filter((one) => one.status === status).length;

const listed = <Item>(items: readonly Item[]): Item[] => items.slice(0, MAX_LISTED);

const LevelResults = builder.objectRef<LevelSection>('LevelResults').implement({
  description: 'The results of a service in the checks of one level.',
  public: true,
  fields: (t) => ({
    level: referenceField(t, Level, ({ levelId }) => levelId, 'The level. Null if it is not visible to the caller.'),
    passed: t.int({
      description: 'The number of results PASSED.',
      resolve: ({ results }) => numberOf(results, 'PASSED'),
    }),
    failed: t.int({
      description: 'The number of results FAILED.',
      resolve: ({ results }) => numberOf(results, 'FAILED'),
    }),
    pending: t.int({
      description: 'The number of results PENDING.',
      resolve: ({ results }) => numberOf(results, 'PENDING'),
    }),
    results: t.field({
      type: [CheckResult.type],
      description: `The latest results, newest first. ${LISTED}`,
      complexity: { field: 1, multiplier: MAX_LISTED },
      resolve: ({ results }) => listed(results).map(({ row }) => row),
    }),
  }),
});

const levelOf = (level: number | null, { levelIds }: Maturity): string | null =>
  level === null ? null : (levelIds[level] ?? null);

const CategoryMaturity = builder.objectRef<Section>('CategoryMaturity').implement({
  description: 'The level of a service in a category.',
  public: true,
  fields: (t) => ({
    category: referenceField(
      t,
      Category,
      ({ categoryId }) => categoryId,
      'The category. Null if it is not visible to the caller.',
    ),
    ...levelFields(t),
  }),
});

const MaturityReport = builder.objectRef<Section>('MaturityReport').implement({
  description:
    'The levels that a service has reached, and what it needs for the next ones. Computed from the latest results.',
  public: true,
  fields: (t) => ({
    ...levelFields(t),
    levels: t.field({
      type: [LevelResults],
      description: 'The results by the level of their check, lowest first. All levels of the rubric are included.',
      resolve: ({ maturity, results }) => {
        const byLevel = Map.groupBy(results, ({ level }) => level);
        return maturity.levelIds.map((levelId, level) => ({ levelId, results: byLevel.get(level) ?? [] }));
      },
    }),
    categories: t.field({
      type: [CategoryMaturity],
      description: 'The categories in which a check applies to the service.',
      resolve: ({ maturity, results }) => {
        const byCategory = Map.groupBy(results, ({ categoryId }) => categoryId);
        return [...byCategory].map(([categoryId, own]) => {
          const level = maturity.levels.byCategory.get(categoryId) ?? null;
          return { maturity, categoryId, level, results: own };
        });
      },
    }),
  }),
});

type SectionFields = PothosSchemaTypes.ObjectFieldBuilder<SchemaTypes, Section>;

/** What a report and each of its categories have. */
function levelFields(t: SectionFields) {
  return {
    level: referenceField(
      t,
      Level,
      ({ level, maturity }) => levelOf(level, maturity),
      'The highest level for which the service passes all checks of this level and of all lower levels. The first level is the minimum. Null if no check applies to the service, or if the level is not visible to the caller.',
    ),
    nextLevel: referenceField(
      t,
      Level,
      ({ level, maturity }) => levelOf(nextLevel(level, maturity), maturity),
      'The level after `level`. Null if the service has the last level, if no check applies to it, or if the level is not visible to the caller.',
    ),
    missing: t.field({
      type: [CheckResult.type],
      description: `The results that must become PASSED for \`nextLevel\`, lowest level first. ${LISTED} A result PENDING is not included if \`passPending\` of its check is true.`,
      complexity: { field: 1, multiplier: MAX_LISTED },
      resolve: ({ level, maturity, results }) => listed(missingFor(nextLevel(level, maturity), results)),
    }),
  };
}

builder.objectField(Service.type, 'maturityReport', (t) =>
  t.field({
    type: MaturityReport,
    nullable: true,
    permission: 'check_result:read',
    on: ({ ownerId }) => serviceOf(ownerId),
    args: {
      scorecard: t.arg({
        type: referenceInputOf(Scorecard),
        visibleWith: Scorecard.permission,
        description: 'Reports on the checks of this scorecard. Defaults to those of the rubric.',
      }),
    },
    description:
      'The levels of the service, its results by level, and what it needs for the next level. Null if the scorecard does not exist or is not visible to the caller.',
    complexity: 20,
    resolve: async ({ id }, { scorecard }, ctx) => {
      const found = scorecard ? await loadReferenced(ctx, Scorecard, scorecard as GivenReference) : null;
      if (scorecard && !(found && canSee(ctx, Scorecard, found))) return null;
      const maturity = await findMaturity(ctx, id, found?.id);
      if (!maturity) return null;
      const { levels, results } = maturity;
      const level = found ? (levels.byScorecard.get(found.id) ?? null) : levels.overall;
      return { maturity, categoryId: null, level, results };
    },
  }),
);
