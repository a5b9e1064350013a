import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { queryRows } from '../../db/reader.ts';
import { categories } from '../category/table.ts';
import { checks } from '../check/table.ts';
import { isPassed } from '../check-result/passed.ts';
import { checkResults } from '../check-result/table.ts';
import { levels } from '../level/table.ts';
import { services } from '../service/table.ts';
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
}

/** Maximum number of checks in the list. */
const MOST = 8;

interface Counted {
  check: string;
  category: string;
  level: string;
  services: number;
  decisive: number;
  closest: number;
}

/** The checks that the most services need for their next level. The caller may read checks. */
export async function findNextSteps(ctx: Context): Promise<NextSteps> {
  const rows = await queryRows<Counted>(await db(ctx), statementFor(ctx));
  const { access } = ctx.unit;
  const [checkNames, categoryNames, levelNames] = await Promise.all([
    findNames(
      ctx,
      checks,
      rows.map(({ check }) => check),
    ),
    access.can('category:read')
      ? findNames(
          ctx,
          categories,
          rows.map(({ category }) => category),
        )
      : null,
    access.can('level:read')
      ? findNames(
          ctx,
          levels,
          rows.map(({ level }) => level),
        )
      : null,
  ]);
  const steps = rows.map(({ check, category, level, services: all, decisive }) => ({
    check: checkNames.get(check) ?? '',
    category: categoryNames?.get(category) ?? null,
    level: levelNames?.get(level) ?? null,
    services: all,
    decisive,
  }));
  return { steps, closest: rows[0]?.closest ?? 0 };
}

/**
 * A service passes all checks of its level and below, or has the lowest level. So what it needs for the next level are the
 * checks up to that level that it does not pass.
 */
function statementFor(ctx: Context): SQL {
  const own = tenant(ctx);
  const ofRubric = and(eq(checks.organizationId, own), isNull(checks.campaignId), isNull(categories.scorecardId));
  const rated = sql`select ${checks.id} as id, row_number() over ()::int as number, ${checks.categoryId} as category,
      ${checks.levelId} as level, ${levels.index} as position, ${checks.passPending} as pass_pending
    from ${checks} join ${categories} on ${categories.organizationId} = ${own} and ${categories.id} = ${checks.categoryId}
    join ${levels} on ${levels.organizationId} = ${own} and ${levels.id} = ${checks.levelId} where ${ofRubric}`;
  const reached = sql`select ${services.id} as id, ${levels.index} as position from ${services}
    join ${levels} on ${levels.organizationId} = ${own} and ${levels.id} = ${services.levelId} where ${readable(ctx)}`;
  const missing = sql`select rated.number, ${checkResults.serviceId} as service
    from ${checkResults} join rated on rated.id = ${checkResults.checkId}
    join (${reached}) as reached on reached.id = ${checkResults.serviceId}
    where ${checkResults.organizationId} = ${own} and ${checkResults.replacedAt} is null
      and rated.position <= reached.position + 1 and not ${isPassed(ctx.dependencies.clock(), sql`rated.pass_pending`)}`;
  // Two aggregates with hashes take less time than a window, which sorts all missing results.
  return sql`with rated as materialized (${rated}), missing as materialized (${missing}),
      alone as (select min(number) as number from missing group by service having count(*) = 1)
    select rated.id as check, rated.category, rated.level, counted.services, coalesce(sole.services, 0) as decisive,
      (select count(*)::int from alone) as closest
    from (select number, count(*)::int as services from missing group by 1) as counted
    join rated on rated.number = counted.number
    left join (select number, count(*)::int as services from alone group by 1) as sole on sole.number = counted.number
    order by 5 desc, 4 desc, 1 limit ${MOST}`;
}
