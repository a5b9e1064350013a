import { pageOf } from '../../src/lib/paged.ts';
import type { CampaignReport } from '../../src/resources/campaign/campaign-report.ts';
import type { FailingService } from '../../src/resources/campaign/failing.ts';
import type { CampaignResult } from '../../src/resources/campaign/results.ts';
import type { MaturityReport, TrendDay } from '../../src/resources/evaluation/maturity-report.ts';
import type { RatedService } from '../../src/resources/evaluation/service-steps.ts';

/** Data of reports for tests of the pages. */

export const NOW = new Date('2026-11-22T14:05:00Z');
const DAY = 86_400_000;
const LEVELS = ['Beginner', 'Bronze', 'Silver', 'Gold'];

const numbers = (byLevel: number[], none = 0) => ({
  byLevel,
  none,
  services: byLevel.reduce((sum, one) => sum + one, none),
});

export const dayBefore = (days: number): Date =>
  new Date(Date.UTC(NOW.getUTCFullYear(), NOW.getUTCMonth(), NOW.getUTCDate()) - days * DAY);

const trend: TrendDay[] = Array.from({ length: 90 }, (_, at) => ({
  day: dayBefore(89 - at),
  ...numbers(
    [16 - Math.floor(at / 12), 12 + Math.floor(at / 30), 6 + Math.floor(at / 25), 2 + Math.floor(at / 40)],
    4 - Math.floor(at / 45),
  ),
}));

export const MATURITY: MaturityReport = {
  levels: LEVELS,
  overall: numbers([9, 14, 9, 5], 3),
  categories: [
    { id: 'c1', name: 'Reliability', ...numbers([6, 12, 14, 5]) },
    { id: 'c2', name: 'Security', ...numbers([11, 10, 9, 7]) },
    { id: 'c3', name: 'Observability', ...numbers([4, 8, 7, 12]) },
  ],
  teams: pageOf(
    [
      { id: 't1', name: 'Checkout', ...numbers([1, 4, 3, 2]) },
      { id: 't2', name: 'Platform', ...numbers([2, 4, 3, 1]) },
      { id: 't3', name: 'Data', ...numbers([3, 2, 2, 0]) },
      { id: 't4', name: 'Search', ...numbers([1, 2, 1, 1]) },
      { id: null, name: 'No team', ...numbers([0, 0, 0, 0], 2) },
    ],
    1,
    50,
  ),
  trend,
  next: {
    steps: [
      { check: 'Has a runbook', category: 'Reliability', level: 'Silver', services: 9, decisive: 6 },
      { check: 'Was deployed in the last 30 days', category: 'Quality', level: 'Bronze', services: 6, decisive: 3 },
      { check: 'Has a threat model', category: 'Security', level: 'Gold', services: 5, decisive: 1 },
      { check: 'Has a dashboard', category: 'Observability', level: 'Silver', services: 4, decisive: 0 },
    ],
    closest: 12,
    unknown: 0,
  },
};

/** The services in the reports on a team and on a scorecard. */
export const SERVICES: RatedService[] = [
  {
    ...{ name: 'Voucher', team: 'Checkout', level: 1, missing: 7 },
    steps: [
      { check: 'Has a runbook', category: 'Reliability', level: 2 },
      { check: null, category: null, level: 2 },
    ],
  },
  { name: 'Price', team: null, level: 0, missing: 0, steps: [] },
  { name: 'Stock', team: 'Checkout', level: 3, missing: 0, steps: [] },
  { name: 'Wiki', team: 'Checkout', level: null, missing: 0, steps: [] },
];

export const SCORECARDS = pageOf([{ id: 's1', name: 'Production readiness', ...numbers([4, 3, 2, 1]) }], 1, 20);

export const CAMPAIGN: CampaignReport = {
  name: 'Node 24 everywhere',
  status: 'DELAYED',
  brief:
    '## Why\n\nNode 20 is **end of life**. See [the guide](https://acme.test/node).\n\n- Update the image\n- Run the tests',
  team: 'Platform',
  filter: 'Tier 1 and 2',
  startAt: dayBefore(30),
  targetAt: dayBefore(2),
  endedAt: null,
  progress: { services: 24, passingServices: 15, results: 60, passingResults: 46 },
  teams: pageOf(
    [
      { name: 'Checkout', services: 10, passingServices: 5, results: 25, passingResults: 17 },
      { name: 'Platform', services: 10, passingServices: 7, results: 25, passingResults: 20 },
      { name: 'No team', services: 4, passingServices: 3, results: 10, passingResults: 9 },
    ],
    1,
    50,
  ),
  checks: pageOf(
    [
      { name: 'Runs on Node 24', results: 24, passingResults: 18 },
      { name: 'Was deployed in the last 30 days', results: 24, passingResults: 20 },
      { name: 'Has a runbook', results: 12, passingResults: 8 },
    ],
    1,
    50,
  ),
  days: Array.from({ length: 31 }, (_, at) => ({
    day: dayBefore(30 - at),
    services: 24,
    passingServices: 2 + Math.floor(at / 2.3),
    results: 60,
    passingResults: 12 + at,
  })),
};

const result = (check: string, days: number, own: Partial<CampaignResult> = {}): CampaignResult => ({
  ...{ serviceId: 's', service: 'Voucher', teamId: null, status: 'FAILED', message: null, ofService: 2, check },
  since: dayBefore(days),
  ...own,
});

export const FAILING: FailingService[] = [
  {
    name: 'Voucher',
    team: 'Checkout',
    failing: 12,
    results: [
      result('Runs on Node 24', 20, { message: 'Found `20.11.0` in the *image*.' }),
      result('Has a runbook', 3, { status: 'PENDING' }),
    ],
  },
  { name: 'Legacy Orders', team: null, failing: 1, results: [result('Has a runbook', 29)] },
];
