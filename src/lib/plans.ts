/** The features and limits of each plan. */
export const PLANS = {
  FREE: {
    customRoles: false,
    projectRoles: false,
    enforcedSso: false,
    seats: 10,
    projects: 3,
    apiKeysPerProject: 5,
    requestsPerMinute: 600,
    organizationRequestsPerMinute: 3_000,
  },
  TEAM: {
    customRoles: true,
    projectRoles: true,
    enforcedSso: false,
    seats: 100,
    projects: 100,
    apiKeysPerProject: 100,
    requestsPerMinute: 6_000,
    organizationRequestsPerMinute: 30_000,
  },
  ENTERPRISE: {
    customRoles: true,
    projectRoles: true,
    enforcedSso: true,
    seats: null,
    projects: null,
    apiKeysPerProject: null,
    requestsPerMinute: 60_000,
    organizationRequestsPerMinute: 300_000,
  },
} as const satisfies Record<string, Entitlements>;

export interface Entitlements {
  /** Custom roles and custom policies. */
  customRoles: boolean;
  /** Roles of one project. */
  projectRoles: boolean;
  enforcedSso: boolean;
  /** Maximum number of members, including pending invitations. Null means unlimited. */
  seats: number | null;
  /** Maximum number of projects. Null means unlimited. */
  projects: number | null;
  /** Maximum number of API keys of one project. Null means unlimited. */
  apiKeysPerProject: number | null;
  /** Maximum number of requests in a minute with one session, API token or API key. */
  requestsPerMinute: number;
  /** Maximum number of requests in a minute of the whole organization. */
  organizationRequestsPerMinute: number;
}

export type Plan = keyof typeof PLANS;
export type Feature = 'customRoles' | 'projectRoles' | 'enforcedSso';
/** A maximum number of objects. */
export type Allowance = 'seats' | 'projects' | 'apiKeysPerProject';

/** The names of the features in texts for people. */
export const FEATURES: Record<Feature, string> = {
  customRoles: 'custom roles',
  projectRoles: 'project roles',
  enforcedSso: 'enforced single sign-on',
};

/** The nouns of an allowance in messages: the counted objects, and the scope of the count. */
export const ALLOWANCES: Record<Allowance, { counts: string; of: string }> = {
  seats: { counts: 'seats', of: 'the organization' },
  projects: { counts: 'projects', of: 'the organization' },
  apiKeysPerProject: { counts: 'API keys per project', of: 'the project' },
};

export const PLAN_NAMES = Object.keys(PLANS) as Plan[];

export const entitlementsOf = (plan: Plan): Entitlements => PLANS[plan];

/** The smallest plan with this feature. */
export const planWith = (feature: Feature): Plan => PLAN_NAMES.find((plan) => PLANS[plan][feature]) ?? 'ENTERPRISE';

/** The smallest plan whose limit is at least `count`. */
export const planFor = (limit: Allowance, count: number): Plan =>
  PLAN_NAMES.find((plan) => (PLANS[plan][limit] ?? Number.POSITIVE_INFINITY) >= count) ?? 'ENTERPRISE';
