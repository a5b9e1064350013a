/** Limits of roles and policies on every plan. They bound the memory and time to compute access. */
export const ROLE_LIMITS = {
  /** Items in the list `permissions` of one statement. */
  patternsPerStatement: 200,
  statementsPerPolicy: 50,
  patternsPerPolicy: 500,
  policiesPerRole: 50,
  /** In the statements of the role itself and of all its policies, including repetitions. */
  patternsPerRole: 2_000,
  /** Custom roles of the organization and of its projects. */
  roles: 500,
  /** Policies of the organization and of its projects. */
  policies: 500,
} as const;

/** A limit as a description or message shows it. */
export const limitText = (limit: keyof typeof ROLE_LIMITS): string => ROLE_LIMITS[limit].toLocaleString('en');
