import { renderCampaign, renderCampaignFile, renderCampaigns } from './campaign-report.ts';
import { renderMaturity, renderMaturityFile } from './maturity-report.ts';
import type { Renders } from './report.ts';

/** The pages, by the paths of `REPORTS`. */
export const RENDERS: Renders = {
  '/reports/campaigns': renderCampaigns,
  '/reports/campaigns/:id': renderCampaign,
  '/reports/campaigns/:id.csv': renderCampaignFile,
  '/reports/maturity': renderMaturity,
  '/reports/maturity.csv': renderMaturityFile,
};
