import type { CampaignReport } from '../../../../resources/campaign/campaign-report.ts';
import type { Progress } from '../../../../resources/campaign/table.ts';
import { stackedBar } from '../bar.ts';
import { h, type ReactElement } from '../element.ts';
import { number, percent } from '../format.ts';
import { section, tile, tiles } from '../parts.ts';
import { progressParts } from './progress.ts';
import { day, distance } from './status.ts';

/** The numbers that matter most. */
export function summary({ progress, targetAt, endedAt }: CampaignReport, now: Date): ReactElement {
  const { services, passingServices, results, passingResults } = progress;
  return tiles(
    tile('Services that pass', percent(passingServices, services), `${number(passingServices)} of ${number(services)}`),
    tile('Checks that pass', percent(passingResults, results), `${number(passingResults)} of ${number(results)}`),
    endedAt
      ? tile('Ended', day(endedAt))
      : tile('Target', targetAt ? distance(targetAt, now) : 'none', targetAt && day(targetAt)),
  );
}

export const current = ({ services, passingServices, results, passingResults }: Progress): ReactElement =>
  section(
    { id: 'now', title: 'Now' },
    h('h3', null, 'Services'),
    stackedBar(progressParts(passingServices, services, 'service'), services, {
      id: 'by-service',
      title: 'Services that pass',
    }),
    h(
      'p',
      { className: 'about' },
      `${number(passingServices)} pass all checks, ${number(services - passingServices)} fail at least one.`,
    ),
    h('h3', null, 'Checks'),
    stackedBar(progressParts(passingResults, results, 'check'), results, { id: 'by-check', title: 'Checks that pass' }),
    h('p', { className: 'about' }, `${number(passingResults)} pass, ${number(results - passingResults)} fail.`),
  );
