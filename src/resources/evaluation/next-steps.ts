import { type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { queryRows } from '../../db/reader.ts';
import { categories } from '../category/table.ts';
import { checks } from '../check/table.ts';
import { levels } from '../level/table.ts';
import { serviceMissingChecks, services } from '../service/table.ts';
import { readable } from './services-report.ts';

/** A check that prevents services from having their next level. */
export interface NextStep {
  readonly check: string;
  /** Null if the category is not visible to the caller. */
  readonly category: string | null;
  /** Null if the level is not visible to the caller. */
  readonly level: string | null;
  /** The number of services that fail it and need it for their next level. */
  readonly services: number;
  /** The number of them that need nothing else for their next level. */
  readonly decisive: number;
}

export interface NextSteps {
  /** The checks with the largest effect. */
  readonly steps: readonly NextStep[];
  /** The number of services that need one check for their next level. */
  readonly closest: number;
  /** The number of services whose last evaluation did not store missing checks. The other numbers do not include them. */
  readonly unknown: number;
}

/** Maximum number of checks in the list. */
const MOST = 8;

/** The columns of the step are null if there is none. */
type Row = { [Key in keyof NextStep]: NextStep[Key] | null } & Pick<NextSteps, 'closest' | 'unknown'>;

/** The checks that the most services need for their next level. The caller may read checks. */
export async function findNextSteps(ctx: Context): Promise<NextSteps> {
  const { access } = ctx.unit;
  const rows = await queryRows<Row>(await db(ctx), statementFor(ctx));
  const [canReadCategories, canReadLevels] = [access.can('category:read'), access.can('level:read')];
  const steps = rows.flatMap(({ check, category, level, services: all, decisive }) =>
    check === null
      ? []
      : {
          check,
          category: canReadCategories ? category : null,
          level: canReadLevels ? level : null,
          services: all ?? 0,
          decisive: decisive ?? 0,
        },
  );
  const { closest = 0, unknown = 0 } = rows[0] ?? {};
  return { steps, closest, unknown };
}

/** A row for each step. Each row also has the totals. If there is no step, one row with the totals. */
function statementFor(ctx: Context): SQL {
  const own = tenant(ctx);
  const { organizationId, serviceId, checkIds } = serviceMissingChecks;
  // Many services need the same checks. So each different list of checks is expanded once.
  const lists = sql`select ${checkIds} as checks, count(*)::int as services from ${services}
    left join ${serviceMissingChecks} on ${organizationId} = ${own} and ${serviceId} = ${services.id}
    where ${readable(ctx)} and ${services.levelId} is not null group by 1`;
  const counted = sql`select id, sum(lists.services)::int as services,
      coalesce(sum(lists.services) filter (where cardinality(lists.checks) = 1), 0)::int as decisive
    from lists cross join unnest(lists.checks) as id group by 1`;
  const totals = sql`select coalesce(sum(services) filter (where cardinality(checks) = 1), 0)::int as closest,
      coalesce(sum(services) filter (where checks is null), 0)::int as unknown from lists`;
  const order = sql`order by decisive desc, services desc, id`;
  // The join omits checks that were deleted since the evaluation.
  const steps = sql`select counted.*, ${checks.name} as check, ${categories.name} as category, ${levels.name} as level
    from (${counted}) as counted join ${checks} on ${checks.organizationId} = ${own} and ${checks.id} = counted.id
    join ${categories} on ${categories.organizationId} = ${own} and ${categories.id} = ${checks.categoryId}
    join ${levels} on ${levels.organizationId} = ${own} and ${levels.id} = ${checks.levelId} ${order} limit ${MOST}`;
  return sql`with lists as materialized (${lists}) select totals.*, steps.*
    from (${totals}) as totals left join (${steps}) as steps on true ${order}`;
}
