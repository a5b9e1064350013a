import { sql } from 'drizzle-orm';
import { canOnSome, requireOnSome } from '../../access/access.ts';
import type { Context } from '../../context.ts';
import { AmbitError, notFound } from '../../lib/errors.ts';
import { fromPublicId, toPublicId } from '../../lib/ids.ts';
import { listCampaigns } from '../../resources/campaign/campaign-list.ts';
import { findCampaignReport } from '../../resources/campaign/campaign-report.ts';
import { findTeamNames, listFailing } from '../../resources/campaign/failing.ts';
import { Campaign } from '../../resources/campaign/resource.ts';
import { listResults } from '../../resources/campaign/results.ts';
import type { CampaignRow } from '../../resources/campaign/service.ts';
import { campaignPage } from './pages/campaign.ts';
import { campaignsPage } from './pages/campaigns.ts';
import { campaignCsv } from './pages/csv.ts';
import { pageIn, urlOf } from './query.ts';
import { fileOf, type Render } from './report.ts';

const SIZE = 50;
/** Maximum number of results of a file. */
const MAX_RESULTS = 100_000;

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
  const campaign = await getCampaign(ctx, params['id'] ?? '');
  const [teams, page] = [pageIn(query, 'teams'), pageIn(query, 'failing')];
  const report = await findCampaignReport(ctx, campaign, { page: teams, size: SIZE });
  const canList = canOnSome(ctx.unit.access, 'service:read');
  const failing = canList ? await listFailing(ctx, campaign.id, { page, size: SIZE }) : null;
  const path = `${base}/campaigns/${params['id']}`;
  const links = {
    csv: canList ? `${path}.csv` : null,
    teams: (other: number) => urlOf(path, { teams: other, failing: page }),
    failing: (other: number) => urlOf(path, { teams, failing: other }),
  };
  const now = ctx.dependencies.clock();
  return { ...campaignPage({ campaign: report, failing, now, links }), time: now };
};

/** All results, of which each row names its service. */
export const renderCampaignFile: Render = async (ctx, { params }) => {
  const campaign = await getCampaign(ctx, params['id'] ?? '');
  requireOnSome(ctx.unit.access, 'service:read');
  const bounds = { perService: MAX_RESULTS, limit: MAX_RESULTS + 1 };
  const results = await listResults(ctx, campaign.id, sql`true`, bounds);
  if (results.length > MAX_RESULTS)
    throw new AmbitError(
      'BAD_REQUEST',
      `The campaign has more than ${MAX_RESULTS.toLocaleString('en')} results, which is too many for a file. Read them with the API.`,
    );
  const teams = await findTeamNames(
    ctx,
    results.map(({ teamId }) => teamId),
  );
  return fileOf(ctx, `campaign-${params['id']}`, campaignCsv(results, teams));
};

/** Throws NOT_FOUND, also if the campaign belongs to another organization. */
async function getCampaign(ctx: Context, publicId: string): Promise<CampaignRow> {
  requireOnSome(ctx.unit.access, 'check_result:read');
  const id = fromPublicId('cmp', publicId);
  const campaign = id === null ? null : await Campaign.load(ctx, id);
  if (!campaign) throw notFound('Campaign');
  return campaign;
}
