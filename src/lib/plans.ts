/** The features and limits of each plan. */
export const PLANS = {
  FREE: { customRoles: false, projectRoles: false, enforcedSso: false, seats: 10, projects: 3 },
  TEAM: { customRoles: true, projectRoles: true, enforcedSso: false, seats: 100, projects: 100 },
  ENTERPRISE: { customRoles: true, projectRoles: true, enforcedSso: true, seats: null, projects: null },
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
}

export type Plan = keyof typeof PLANS;
export type Feature = 'customRoles' | 'projectRoles' | 'enforcedSso';
/** An entitlement that is a number. */
export type Allowance = 'seats' | 'projects';

/** The names of the features in texts for people. */
export const FEATURES: Record<Feature, string> = {
  customRoles: 'custom roles',
  projectRoles: 'project roles',
  enforcedSso: 'enforced single sign-on',
};

export const PLAN_NAMES = Object.keys(PLANS) as Plan[];

export const entitlementsOf = (plan: Plan): Entitlements => PLANS[plan];

/** The smallest plan with this feature. */
export const planWith = (feature: Feature): Plan => PLAN_NAMES.find((plan) => PLANS[plan][feature]) ?? 'ENTERPRISE';

/** The smallest plan whose limit is at least `count`. */
export const planFor = (limit: Allowance, count: number): Plan =>
  PLAN_NAMES.find((plan) => (PLANS[plan][limit] ?? Number.POSITIVE_INFINITY) >= count) ?? 'ENTERPRISE';
