import { canOnSome, requireOnSome } from '../../access/access.ts';
import type { Context } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { notFound } from '../../lib/errors.ts';
import { fromPublicId, toPublicId } from '../../lib/ids.ts';
import { listCampaigns } from '../../resources/campaign/campaign-list.ts';
import { findCampaignReport } from '../../resources/campaign/campaign-report.ts';
import { findTeamNames, listFailing } from '../../resources/campaign/failing.ts';
import { Campaign } from '../../resources/campaign/resource.ts';
import { countChecks, listResults, listServiceIds } from '../../resources/campaign/results.ts';
import type { CampaignRow } from '../../resources/campaign/service.ts';
import { checkResults } from '../../resources/check-result/table.ts';
import { partsOf } from './file-parts.ts';
import { campaignsPage } from './pages/campaign/list.ts';
import { campaignPage } from './pages/campaign/page.ts';
import { RESULTS_HEAD, resultsCsv } from './pages/csv.ts';
import { pageIn, urlOf, withoutFirst } from './query.ts';
import { fileOf, type Render } from './report.ts';

const SIZE = 50;

export const renderCampaigns: Render = async (ctx, { query, base }) => {
  requireOnSome(ctx.unit.access, 'check_result:read');
  const campaigns = await listCampaigns(ctx, { page: pageIn(query, 'page'), size: SIZE });
  const path = `${base}/campaigns`;
  const now = ctx.dependencies.clock();
  const links = {
    campaign: (id: string) => `${path}/${toPublicId('cmp', id)}`,
    page: (page: number) => urlOf(path, { page }),
  };
  return { ...campaignsPage({ campaigns, now, links }), time: now };
};

export const renderCampaign: Render = async (ctx, { params, query, base }) => {
  const pages = { teams: pageIn(query, 'teams'), checks: pageIn(query, 'checks'), failing: pageIn(query, 'failing') };
  const campaign = await getCampaign(ctx, params['id'] ?? '');
  const report = await findCampaignReport(ctx, campaign, { ...pages, size: SIZE });
  const canList = canOnSome(ctx.unit.access, 'service:read');
  const failing = canList ? await listFailing(ctx, campaign.id, { page: pages.failing, size: SIZE }) : null;
  const path = `${base}/campaigns/${params['id']}`;
  const given = (changed: Partial<typeof pages>): string => urlOf(path, withoutFirst({ ...pages, ...changed }));
  const links = {
    all: `${base}/campaigns`,
    csv: canList ? `${path}.csv` : null,
    teams: (teams: number) => given({ teams }),
    checks: (checks: number) => given({ checks }),
    failing: (other: number) => given({ failing: other }),
  };
  const now = ctx.dependencies.clock();
  return { ...campaignPage({ campaign: report, failing, now, links }), time: now };
};

/** The number of results of one part of a file, at least those of one service. */
const PER_PART = 2_000;

/** A file with all results. Each row names a service, so `service:read` is required. */
export const renderCampaignFile: Render = async (ctx, { params }) => {
  const publicId = params['id'] ?? '';
  const { id } = await getCampaign(ctx, publicId);
  requireOnSome(ctx.unit.access, 'service:read');
  const serviceIds = await listServiceIds(ctx, id);
  // A service has at most one latest result of each check.
  const perPart = Math.max(1, Math.floor(PER_PART / Math.max(1, await countChecks(ctx, id))));
  const parts = partsOf(RESULTS_HEAD, serviceIds, perPart, async (own, ids) => {
    // Without it, the file of a campaign that is deleted meanwhile would end as if it were complete.
    await getCampaign(own, publicId);
    return await linesOfServices(own, id, ids);
  });
  return fileOf(ctx, `campaign-${publicId}`, parts);
};

const ALL = { perService: Number.MAX_SAFE_INTEGER, limit: Number.MAX_SAFE_INTEGER };

/** The condition is on `check_results`, so that PostgreSQL finds the results of these services with an index. */
async function linesOfServices(ctx: Context, campaignId: string, ids: readonly string[]): Promise<string> {
  requireOnSome(ctx.unit.access, 'service:read');
  const results = await listResults(ctx, campaignId, isAnyOf(checkResults.serviceId, ids), ALL);
  const owners = results.map(({ teamId }) => teamId);
  return resultsCsv(results, await findTeamNames(ctx, owners));
}

/** Throws NOT_FOUND, also if the campaign belongs to another organization. */
async function getCampaign(ctx: Context, publicId: string): Promise<CampaignRow> {
  requireOnSome(ctx.unit.access, 'check_result:read');
  const id = fromPublicId('cmp', publicId);
  const campaign = id === null ? null : await Campaign.load(ctx, id);
  if (!campaign) throw notFound('Campaign');
  return campaign;
}
