/** One row of the table of rate limits. */
interface RateLimit {
  /** What is counted. */
  counts: string;
  /** What has a counter of its own. */
  per: string;
  /** The maximum number in a period. */
  points: number;
  /** The length of a period. It begins with the first attempt. */
  minutes: number;
  /** The environment variable that changes `points`. Defaults to `RATE_LIMITS`. */
  variable?: string;
}

const HOUR = 60;
const DAY = 24 * HOUR;

/** A network is an IPv4 address, or the first 64 bits of an IPv6 address. */
const NETWORK = 'network';

/** All rate limits. Attempts that are refused or fail count as well. */
export const RATE_LIMITS = {
  attemptsPerNetwork: {
    counts: 'Attempts to sign in, to sign up, or to use the secret of an invitation',
    per: NETWORK,
    points: 100,
    minutes: 15,
    variable: 'SIGN_IN_TRIES_PER_ADDRESS',
  },
  signInPerAccountAndNetwork: {
    counts: 'Failed attempts to sign in',
    per: 'account and network',
    points: 10,
    minutes: 15,
    variable: 'SIGN_IN_TRIES_PER_ACCOUNT',
  },
  signInPerAccount: {
    counts: 'Failed attempts to sign in, from networks in which the account did not sign in during the last 30 days',
    per: 'account',
    points: 50,
    minutes: 15,
  },
  refreshPerNetwork: { counts: 'Calls of `refreshSession`', per: NETWORK, points: 3_000, minutes: 15 },
  refreshPerSession: { counts: 'Calls of `refreshSession`', per: 'session', points: 60, minutes: 15 },
  revocationsPerNetwork: { counts: 'Requests to `/secrets/revoke`', per: NETWORK, points: 100, minutes: 15 },
  organizationsPerPerson: { counts: 'Organizations created', per: 'person', points: 10, minutes: DAY },
  projectsPerOrganization: { counts: 'Projects created', per: 'organization', points: 500, minutes: HOUR },
  projectsPerPerson: { counts: 'Projects created', per: 'person or service account', points: 200, minutes: HOUR },
  rolesPerOrganization: { counts: 'Roles created', per: 'organization', points: 500, minutes: HOUR },
  rolesPerPerson: { counts: 'Roles created', per: 'person or service account', points: 200, minutes: HOUR },
  policiesPerOrganization: { counts: 'Policies created', per: 'organization', points: 500, minutes: HOUR },
  policiesPerPerson: { counts: 'Policies created', per: 'person or service account', points: 200, minutes: HOUR },
  apiTokensPerOrganization: {
    counts: 'API tokens created or rotated',
    per: 'organization',
    points: 1_000,
    minutes: HOUR,
  },
  apiTokensPerPerson: {
    counts: 'API tokens created or rotated',
    per: 'person or service account',
    points: 200,
    minutes: HOUR,
  },
  apiKeysPerOrganization: { counts: 'API keys created or rotated', per: 'organization', points: 1_000, minutes: HOUR },
  apiKeysPerPerson: {
    counts: 'API keys created or rotated',
    per: 'person, service account or API key',
    points: 200,
    minutes: HOUR,
  },
  integrationsPerOrganization: {
    counts: 'Integrations created, or their secrets rotated',
    per: 'organization',
    points: 500,
    minutes: HOUR,
  },
  integrationsPerPerson: {
    counts: 'Integrations created, or their secrets rotated',
    per: 'person or service account',
    points: 200,
    minutes: HOUR,
  },
  invitationsPerOrganization: {
    counts: 'Invitations created or sent again. Each sends a mail.',
    per: 'organization',
    points: 500,
    minutes: HOUR,
  },
  invitationsPerPerson: {
    counts: 'Invitations created or sent again',
    per: 'person or service account',
    points: 200,
    minutes: HOUR,
  },
  remindersPerOrganization: {
    counts: 'Reminders of campaigns sent. Each can send a mail to every team.',
    per: 'organization',
    points: 20,
    minutes: HOUR,
  },
  mailsPerNetwork: { counts: 'Mails sent', per: NETWORK, points: 500, minutes: HOUR },
  mailsPerPersonAndRecipient: {
    counts: 'Mails sent, in all organizations of the sender',
    per: 'person or service account, and recipient',
    points: 5,
    minutes: DAY,
  },
  mailsPerNetworkAndRecipient: { counts: 'Mails sent', per: 'network and recipient', points: 10, minutes: DAY },
  mailsPerOrganizationAndRecipient: {
    counts: 'Mails sent',
    per: 'organization and recipient',
    points: 5,
    minutes: DAY,
  },
  mailsPerRecipient: {
    counts: 'Mails sent',
    per: 'recipient, for all organizations together',
    points: 20,
    minutes: DAY,
  },
} as const satisfies Record<string, RateLimit>;

export type RateLimitName = keyof typeof RATE_LIMITS;

/** The points of each rate limit. */
export type RateLimitPoints = Record<RateLimitName, number>;

export const RATE_LIMIT_NAMES = Object.keys(RATE_LIMITS) as RateLimitName[];

export const rateLimit = (name: RateLimitName): RateLimit => RATE_LIMITS[name];

/** The points of the table, except those that are given. */
export const rateLimitPoints = (given: Partial<RateLimitPoints> = {}): RateLimitPoints => ({
  ...(Object.fromEntries(RATE_LIMIT_NAMES.map((name) => [name, RATE_LIMITS[name].points])) as RateLimitPoints),
  ...given,
});
