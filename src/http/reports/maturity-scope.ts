import type { Context } from '../../context.ts';
import { canSee, type Target } from '../../graphql/target.ts';
import { notFound } from '../../lib/errors.ts';
import { fromPublicId, toPublicId } from '../../lib/ids.ts';
import { NO_TEAM } from '../../resources/evaluation/maturity-report.ts';
import type { ReportScope } from '../../resources/evaluation/services-report.ts';
import { Scorecard } from '../../resources/scorecard/resource.ts';
import { Team } from '../../resources/team/resource.ts';
import { textIn } from './query.ts';

interface Named {
  readonly id: string | null;
  readonly name: string;
}

/**
 * The team and the scorecard that a report is about. The team is null for all teams, and its ID is null for services without an
 * owner. The scorecard is null for the rubric.
 */
export interface NamedScope {
  readonly team: Named | null;
  readonly scorecard: Named | null;
}

/** The value of `team` for the services without an owner. */
const NONE = 'none';

/** Throws NOT_FOUND if the team or the scorecard is not visible to the caller, as if it did not exist. */
export async function scopeIn(ctx: Context, query: URLSearchParams): Promise<NamedScope> {
  const [team, scorecard] = [textIn(query, 'team'), textIn(query, 'scorecard')];
  return {
    team: team === null ? null : await findTeam(ctx, team),
    scorecard: scorecard === null ? null : await find(ctx, Scorecard, scorecard),
  };
}

async function findTeam(ctx: Context, given: string): Promise<Named> {
  if (given === NONE && ctx.unit.access.can('team:read')) return { id: null, name: NO_TEAM };
  return await find(ctx, Team, given);
}

async function find(ctx: Context, target: Target<{ id: string; name: string }>, publicId: string): Promise<Named> {
  const id = fromPublicId(target.prefix, publicId);
  const row = id === null ? null : await target.load(ctx, id);
  if (!row || !canSee(ctx, target, row)) throw notFound(target.name);
  return row;
}

export const reportScopeOf = ({ team, scorecard }: NamedScope): ReportScope => ({
  scorecardId: scorecard?.id ?? null,
  team,
});

/** The parameters of a link to the report. */
export const queryOf = (team: Pick<Named, 'id'> | null, scorecard: Pick<Named, 'id'> | null) => ({
  scorecard: scorecard?.id ? toPublicId(Scorecard.prefix, scorecard.id) : null,
  team: team && (team.id === null ? NONE : toPublicId(Team.prefix, team.id)),
});
