import type { CheckStatus } from '../../src/resources/check-result/table.ts';
import { matches, type NaiveService, type NaiveWorld } from '../filter/naive.ts';
import { naiveCategoryLevel, naiveLevel } from './naive-levels.ts';

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

/** All that decides the levels of services. The last report is the newest. */
export interface Model {
  world: NaiveWorld & { organizationId: string; definitions: string[] };
  contacts: { teamId: string; type: string }[];
  categoryIds: string[];
  levelIds: string[];
  checks: NaiveCheck[];
  reports: NaiveReport[];
  now: number;
}

const DAY = 86_400_000;

export const counts = ({ enabled, enableOn }: NaiveCheck, now: number): boolean =>
  enabled || (enableOn !== null && enableOn <= now);

/** The statuses of the checks that count and apply, by the ID of the check. */
export function naiveStatuses(model: Model, service: NaiveService): Map<string, CheckStatus> {
  const statuses = new Map<string, CheckStatus>();
  for (const check of model.checks) {
    if (!counts(check, model.now)) continue;
    const filter = check.filterId === null ? null : model.world.filters.get(check.filterId);
    if (filter && !matches(model.world, filter, service)) continue;
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
      return meets(settings.predicate, value ?? null);
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

/** A value meets a condition as a service meets a filter. Numbers are compared as text here. */
function meets(predicate: NaivePredicate | null, value: unknown): boolean {
  if (predicate === null) return value !== null;
  const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
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
}

export function naiveLevels(model: Model, statuses: ReadonlyMap<string, CheckStatus>): NaiveLevels {
  const results = [...statuses].map(([id, status]) => {
    const check = model.checks.find((one) => one.id === id) as NaiveCheck;
    const passed = status === 'PASSED' || (status === 'PENDING' && check.passPending);
    return { category: check.categoryId, level: model.levelIds.indexOf(check.levelId), passed };
  });
  const nameOf = (level: number | null): string | null => (level === null ? null : (model.levelIds[level] ?? null));
  const levels = model.levelIds.length;
  const byCategory = model.categoryIds
    .map((id) => [id, nameOf(naiveCategoryLevel(results, id, levels))] as const)
    .filter(([, level]) => level !== null);
  return { overall: nameOf(naiveLevel(results, levels)), byCategory: Object.fromEntries(byCategory) as never };
}
