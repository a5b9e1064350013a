import type { EventRules } from '../lib/event-rules/messages.ts';
import type { CheckType } from '../resources/check/table.ts';

export interface DemoCheck {
  name: string;
  category: string;
  level: 'Bronze' | 'Silver' | 'Gold';
  type: CheckType;
  settings?: Record<string, unknown>;
  filter?: string;
}

const check = (
  category: string,
  level: DemoCheck['level'],
  name: string,
  type: CheckType,
  settings?: Record<string, unknown>,
  filter?: string,
): DemoCheck => ({ category, level, name, type, ...(settings && { settings }), ...(filter && { filter }) });

/** How the events of the vulnerability scanner are evaluated. */
const SCAN_RULES = {
  serviceSelector: '.service',
  successCondition: '.vulnerabilities.critical == 0',
  resultMessage: 'Critical vulnerabilities: **{{ payload.vulnerabilities.critical }}**.',
} satisfies EventRules;

const predicate = (operator: string, value: string) => ({ operator, value, caseSensitive: false });
const manual = { frequencyDays: 180, commentRequired: false };

export const CHECKS: readonly DemoCheck[] = [
  check('Ownership', 'Bronze', 'Has an owning team', 'HAS_OWNER', { contactRequired: false, contactType: null }),
  check('Ownership', 'Bronze', 'Has a description', 'SERVICE_PROPERTY', { property: 'DESCRIPTION', predicate: null }),
  check('Ownership', 'Bronze', 'Names its language', 'SERVICE_PROPERTY', { property: 'LANGUAGE', predicate: null }),
  check('Ownership', 'Silver', 'The team can be reached by mail', 'HAS_OWNER', {
    contactRequired: true,
    contactType: 'EMAIL',
  }),
  check('Ownership', 'Gold', 'Reviews its dependencies every quarter', 'MANUAL', {
    frequencyDays: 90,
    commentRequired: true,
  }),
  check('Ownership', 'Gold', 'Has an on-call rotation', 'MANUAL', manual),
  check('Observability', 'Bronze', 'Links its dashboard', 'LINK', {
    category: 'dashboard',
    name: null,
    predicate: predicate('STARTS_WITH', 'https://'),
  }),
  check(
    'Observability',
    'Silver',
    'Links its runbook',
    'LINK',
    { category: 'runbook', name: null, predicate: null },
    'Important and in production',
  ),
  check('Observability', 'Gold', 'Alerts on its error budget', 'MANUAL', manual, 'Important and in production'),
  check('Observability', 'Gold', 'Traces requests from end to end', 'MANUAL', manual),
  check('Reliability', 'Bronze', 'Names the region where it runs', 'TAG_DEFINED', { key: 'region', predicate: null }),
  check('Reliability', 'Bronze', 'Was deployed this quarter', 'RECENT_DEPLOY', { days: 90 }, 'In production'),
  check(
    'Reliability',
    'Silver',
    'Was deployed this month',
    'RECENT_DEPLOY',
    { days: 30 },
    'Important and in production',
  ),
  check('Reliability', 'Gold', 'Has restored a backup this year', 'MANUAL', {
    frequencyDays: 365,
    commentRequired: true,
  }),
  check('Reliability', 'Gold', 'Survives the loss of a zone', 'MANUAL', manual),
  check('Security', 'Bronze', 'Keeps secrets out of the repository', 'MANUAL', manual),
  check(
    'Security',
    'Silver',
    'Runs on a supported framework',
    'SERVICE_PROPERTY',
    { property: 'FRAMEWORK', predicate: predicate('EQUALS', 'Spring') },
    'On the Java virtual machine',
  ),
  check('Security', 'Gold', 'Names its dependencies', 'HAS_DEPENDENCY', {}, 'In production'),
  check('Security', 'Silver', 'Runs in Europe', 'TAG_DEFINED', {
    key: 'region',
    predicate: predicate('STARTS_WITH', 'eu-'),
  }),
  check('Security', 'Silver', 'Has no critical vulnerability', 'CUSTOM_EVENT', SCAN_RULES, 'In production'),
  check('Security', 'Gold', 'Has a threat model', 'MANUAL', manual),
  check('Security', 'Gold', 'Verifies the provenance of its builds', 'MANUAL', manual),
];

/** A scorecard beside the rubric. The categories belong to it. */
export const SCORECARD = {
  name: 'Production readiness',
  description: 'What a service needs before customers use it.',
  team: 'Platform',
  filter: 'In production',
  categories: ['Documentation', 'Operation'],
  checks: [
    check('Documentation', 'Bronze', 'Describes what it does', 'SERVICE_PROPERTY', {
      property: 'DESCRIPTION',
      predicate: null,
    }),
    check('Documentation', 'Silver', 'Documents its operation', 'LINK', {
      category: 'runbook',
      name: null,
      predicate: null,
    }),
    check('Operation', 'Bronze', 'Has an owner for incidents', 'HAS_OWNER', {
      contactRequired: true,
      contactType: null,
    }),
    check('Operation', 'Silver', 'Is released every two weeks', 'RECENT_DEPLOY', { days: 14 }),
    check('Operation', 'Gold', 'Has rehearsed a rollback', 'MANUAL', manual),
  ],
} as const;

/** A campaign in progress. Its checks are copies of checks of the rubric. */
export const CAMPAIGN = {
  name: 'Ready for the holidays',
  brief: `Sales triple in December. Until then, **whoever is on call** must find the dashboard and the runbook of each service.

1. Add the links to your services.
2. Give each service the tag \`region\`.

Questions? Ask *Platform*.`,
  team: 'Platform',
  filter: 'In production',
  checks: ['Links its dashboard', 'Links its runbook', 'Names the region where it runs', 'Was deployed this month'],
  startedDaysAgo: 30,
  daysToTarget: 30,
} as const;
