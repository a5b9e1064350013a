/** Why not. Part of the public contract (`extensions.reason`): texts may change, these may not. */
export const REFUSAL_REASONS = {
  NO_ORGANIZATION: 'The credential is bound to no organization.',
  UNKNOWN_PERMISSION: 'There is no such permission.',
  NO_SUCH_PRINCIPAL: 'There is no such member, service account or user in the organization.',
  NO_SUCH_TARGET: 'The target does not exist, or the caller may not see it.',
  WRONG_LEVEL: 'The permission is about the organization and cannot be asked on a project.',
  NO_GRANT: 'No role of the principal grants the permission.',
  ENDED: 'A role that granted it has ended.',
  DENIED: 'A policy of a role denies it, which no other grant outweighs.',
  NARROWED: 'The role that the principal has in this project grants less than the organization role.',
  PLAN_LACKS: 'What grants it is frozen, because the plan of the organization lacks it.',
  READ_ONLY_TOKEN: 'The principal holds the permission, but the API token is read-only.',
  NOT_HELD: 'The principal would give, or take from somebody, permissions that it does not hold itself.',
  SESSION_REQUIRED: 'This is done by a signed-in person, not by an API token.',
} as const;

export type RefusalReason = keyof typeof REFUSAL_REASONS;
