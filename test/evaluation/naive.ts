import type { CheckStatus } from '../../src/resources/check-result/table.ts';
import { matches, type NaiveService, type NaiveWorld } from '../filter/naive.ts';
import { type NaiveResult, naiveCategoryLevel, naiveLevel } from './naive-levels.ts';

export interface NaivePredicate {
  operator: string;
  value: string | null;
  caseSensitive: boolean;
}

export type NaiveSettings =
  | { type: 'MANUAL' }
  | { type: 'HAS_OWNER'; contactRequired: boolean; contactType: string | null }
  | { type: 'SERVICE_PROPERTY'; property: string | null; predicate: NaivePredicate | null }
  | { type: 'TAG_DEFINED'; key: string | null; predicate: NaivePredicate | null }
  | { type: 'LINK'; category: string | null; name: string | null; predicate: NaivePredicate | null }
  | { type: 'HAS_DEPENDENCY' }
  | { type: 'RECENT_DEPLOY'; days: number };

export interface NaiveCheck {
  id: string;
  categoryId: string;
  levelId: string;
  filterId: string | null;
  campaignId: string | null;
  definitionId: string | null;
  settings: NaiveSettings;
  enabled: boolean;
  enableOn: number | null;
  passPending: boolean;
}

export interface NaiveReport {
  checkId: string;
  serviceId: string;
  status: CheckStatus;
  expiresAt: number | null;
}

export interface NaiveCampaign {
  id: string;
  filterId: string | null;
  startAt: number | null;
  endedAt: number | null;
}

/** All that decides the levels of services. The last report is the newest. */
export interface Model {
  world: NaiveWorld & { organizationId: string; definitions: string[] };
  contacts: { teamId: string; type: string }[];
  /** Of the rubric if `scorecardId` is null. */
  categories: { id: string; scorecardId: string | null }[];
  scorecards: { id: string; filterId: string | null }[];
  campaigns: NaiveCampaign[];
  /** The statuses of services when the campaign of a check ended, by the IDs of the service and the check. */
  frozen: Map<string, Map<string, CheckStatus>>;
  levelIds: string[];
  checks: NaiveCheck[];
  reports: NaiveReport[];
  now: number;
}

const DAY = 86_400_000;

export const counts = ({ enabled, enableOn }: NaiveCheck, now: number): boolean =>
  enabled || (enableOn !== null && enableOn <= now);

const campaignOf = ({ campaigns }: Model, { campaignId }: NaiveCheck): NaiveCampaign | undefined =>
  campaigns.find(({ id }) => id === campaignId);

const scorecardOf = ({ categories, scorecards }: Model, { categoryId }: NaiveCheck) => {
  const category = categories.find(({ id }) => id === categoryId);
  return scorecards.find(({ id }) => id === category?.scorecardId);
};

/** The statuses of the checks that count and apply, and of those that did when their campaign ended, by the ID of the check. */
export function naiveStatuses(model: Model, service: NaiveService): Map<string, CheckStatus> {
  const statuses = new Map<string, CheckStatus>();
  for (const check of model.checks) {
    const campaign = campaignOf(model, check);
    if (campaign && campaign.endedAt !== null) {
      const frozen = model.frozen.get(service.id)?.get(check.id);
      if (frozen) statuses.set(check.id, frozen);
      continue;
    }
    if (!counts(check, model.now)) continue;
    if (campaign && (campaign.startAt === null || campaign.startAt > model.now)) continue;
    const selecting = [check, campaign ?? scorecardOf(model, check)].flatMap((one) => one?.filterId ?? []);
    const filters = selecting.map((id) => model.world.filters.get(id));
    if (filters.some((filter) => filter && !matches(model.world, filter, service))) continue;
    statuses.set(check.id, statusOf(model, check, service));
  }
  return statuses;
}

function statusOf(model: Model, check: NaiveCheck, service: NaiveService): CheckStatus {
  if (check.settings.type === 'MANUAL') {
    const report = model.reports.findLast(({ checkId, serviceId }) => checkId === check.id && serviceId === service.id);
    const isValid = report && (report.expiresAt === null || report.expiresAt > model.now);
    return isValid ? report.status : 'PENDING';
  }
  return passes(model, check, service) ? 'PASSED' : 'FAILED';
}

function passes(model: Model, { settings, definitionId }: NaiveCheck, service: NaiveService): boolean {
  switch (settings.type) {
    case 'HAS_OWNER': {
      const { contactRequired, contactType } = settings;
      if (!contactRequired && contactType === null) return service.ownerId !== null;
      return model.contacts.some(
        ({ teamId, type }) => teamId === service.ownerId && (contactType === null || type === contactType),
      );
    }
    case 'SERVICE_PROPERTY': {
      if (settings.property === null && definitionId === null) return false;
      const value = settings.property === null ? service.properties[definitionId ?? ''] : builtIn(settings, service);
      return meetsAsNumber(settings.predicate, value ?? null) ?? meets(settings.predicate, value ?? null);
    }
    case 'TAG_DEFINED':
      return service.tags.some(
        ({ key, value }) => (settings.key === null || key === settings.key) && meets(settings.predicate, value),
      );
    case 'LINK':
      return service.links.some(
        ({ url, category }) =>
          (settings.category === null || category === settings.category) &&
          (settings.name === null || settings.name === 'A link') &&
          meets(settings.predicate, url),
      );
    case 'HAS_DEPENDENCY':
      return service.dependsOn.length > 0;
    case 'RECENT_DEPLOY':
      return service.lastDeployAt !== null && Date.parse(service.lastDeployAt) + settings.days * DAY > model.now;
    default:
      throw new Error('a manual check is not computed');
  }
}

const builtIn = ({ property }: { property: string | null }, service: NaiveService): unknown =>
  ({
    NAME: service.name,
    DESCRIPTION: service.description,
    LANGUAGE: service.language,
    FRAMEWORK: service.framework,
    // The tests name tiers and lifecycle stages by their IDs.
    TIER: service.tierId,
    LIFECYCLE: service.lifecycleId,
  })[property ?? ''];

const textIn = (value: unknown): unknown =>
  typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;

/**
 * Whether the value of a property meets a condition, compared as numbers. Null if the values must be compared as texts. A text is
 * a number if it has a sign `-` or none, and at most 100 digits both before and after the point.
 */
export function meetsAsNumber(predicate: NaivePredicate | null, value: unknown): boolean | null {
  if (predicate === null) return null;
  const [own, other] = [decimalIn(textIn(value)), decimalIn(predicate.value)];
  const areNumbers = own !== null && other !== null;
  switch (predicate.operator) {
    case 'EQUALS':
      return areNumbers && own === other ? true : null;
    case 'DOES_NOT_EQUAL':
      return areNumbers && own === other ? false : null;
    case 'GREATER_THAN_OR_EQUAL_TO':
      return areNumbers && own >= other;
    case 'LESS_THAN_OR_EQUAL_TO':
      return areNumbers && own <= other;
    default:
      return null;
  }
}

/** The number in a text, multiplied by 10 to the power of 100. Null if the text is not a number. */
function decimalIn(text: unknown): bigint | null {
  if (typeof text !== 'string' || !/^-?[0-9]{1,100}([.][0-9]{1,100})?$/.test(text)) return null;
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(100, '0'));
}

/** A value meets a condition as a service meets a filter. Numbers are compared as text here. */
export function meets(predicate: NaivePredicate | null, value: unknown): boolean {
  if (predicate === null) return value !== null;
  const text = textIn(value);
  const filter = { organizationId: '', connective: 'AND', predicates: [{ ...NO_VALUES, ...predicate }] } as const;
  return matches({} as NaiveWorld, filter as never, { properties: { it: text } } as never);
}

const NO_VALUES = {
  key: 'PROPERTY',
  keyData: null,
  definitionId: 'it',
  teamId: null,
  tierId: null,
  lifecycleId: null,
  nestedId: null,
};

export interface NaiveLevels {
  overall: string | null;
  byCategory: Record<string, string>;
  byScorecard: Record<string, string>;
  /** The IDs of the checks that are missing for the next overall level, sorted. */
  missing: string[];
}

export function naiveLevels(model: Model, statuses: ReadonlyMap<string, CheckStatus>): NaiveLevels {
  const results = [...statuses].flatMap(([id, status]) => {
    const check = model.checks.find((one) => one.id === id) as NaiveCheck;
    if (check.campaignId !== null) return [];
    const passed = status === 'PASSED' || (status === 'PENDING' && check.passPending);
    const scorecard = scorecardOf(model, check)?.id ?? null;
    return [{ id, category: check.categoryId, scorecard, level: model.levelIds.indexOf(check.levelId), passed }];
  });
  const inScorecard = (id: string | null) => results.filter(({ scorecard }) => scorecard === id);
  const nameOf = (level: number | null): string | null => (level === null ? null : (model.levelIds[level] ?? null));
  const levels = model.levelIds.length;
  const levelIn = (sections: { id: string }[], levelOf: (id: string) => number | null): Record<string, string> =>
    Object.fromEntries(
      sections.flatMap(({ id }) => [nameOf(levelOf(id))].flatMap((name) => (name ? [[id, name]] : []))),
    );
  const overall = naiveLevel(inScorecard(null), levels);
  return {
    overall: nameOf(overall),
    byCategory: levelIn(model.categories, (id) => naiveCategoryLevel(results, id, levels)),
    byScorecard: levelIn(model.scorecards, (id) => naiveLevel(inScorecard(id), levels)),
    missing: missingFor(overall, levels, inScorecard(null)),
  };
}

/** The checks that the service must pass for the next level. Empty if there is none. */
function missingFor(level: number | null, levels: number, results: (NaiveResult & { id: string })[]): string[] {
  if (level === null || level === levels - 1) return [];
  const required = results.filter((result) => result.level === level + 1 || result.level <= level);
  return required
    .filter(({ passed }) => !passed)
    .map(({ id }) => id)
    .toSorted();
}
