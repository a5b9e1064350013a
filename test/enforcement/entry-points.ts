/** Ways to try to misuse an entry point. */
export const ATTACKS = {
  wrong: 'with a credential or a secret that does not exist',
  expired: 'with one that has expired',
  replayed: 'with one that was used, replaced or revoked',
  raced: 'with two requests at once',
  deactivated: 'after the member, the project or the organization was deleted',
  demoted: 'after the role was taken away',
  foreign: 'for an object of another organization',
  address: 'from an address that the credential excludes',
} as const;

export type Attack = keyof typeof ATTACKS;

/** Where an attack is tried: in `entry-point-attacks.test.ts`, in a test of another file, or why it is not possible. */
export type Proof = 'here' | { file: string; test: string } | { impossible: string };

export interface EntryPoint {
  /** `gives` a session or a credential, in the response or by mail, or `takes` one in the header or in the input. */
  does: 'gives' | 'takes' | 'gives and takes';
  proofs: Record<Attack, Proof>;
}

const at = (file: string, test: string): Proof => ({ file: `test/${file}.test.ts`, test });
const impossible = (why: string): Proof => ({ impossible: why });

const PUBLIC = impossible('nobody needs a credential for it');
const NO_ROLE = impossible('it depends on no role');
const NO_ADDRESS = impossible('a session and a secret in the input are not limited to addresses');
const SESSION_ONLY = impossible('an API token and an API key cannot do it');
const HERE = 'here';

const SWITCH = 'identity/switch-organization';
const INVITATION = 'resources/invitation';
const ONE_RESPONSE = 'the response is the same for an unknown, malformed, revoked, replaced, expired or foreign secret';

/** What an API token or an API key of any kind can be used for. */
const everyAttackHere: EntryPoint['proofs'] = {
  wrong: HERE,
  expired: HERE,
  replayed: HERE,
  raced: HERE,
  deactivated: HERE,
  demoted: HERE,
  foreign: HERE,
  address: HERE,
};

/** An endpoint that reads the header Authorization. */
const withHeader = (own: Partial<EntryPoint['proofs']> = {}): EntryPoint => ({
  does: 'takes',
  proofs: {
    ...everyAttackHere,
    raced: at('identity/two-nodes', 'under load, no request that begins after the revocation of %s'),
    demoted: at('identity/cached-actor', '%s takes effect with the next request on every node'),
    foreign: at('enforcement/tenancy-over-http', 'counts exclude other organizations'),
    ...own,
  },
});

const EVENTS = 'integration/events';

/** An endpoint that reads the secret of an integration in the path. It reads neither the header Authorization nor cookies. */
const eventEndpoint: EntryPoint = {
  does: 'takes',
  proofs: {
    wrong: at(EVENTS, 'a secret that is unknown, malformed, of another kind or of an integration of the other type'),
    expired: impossible('the secret of an integration does not expire'),
    replayed: at(EVENTS, 'whose secret was rotated refuses the old one on every node at once'),
    raced: at(EVENTS, 'accepts no event with the old secret after a rotation that happens under load'),
    deactivated: at(EVENTS, 'of a deleted organization refuses events'),
    demoted: NO_ROLE,
    foreign: at(EVENTS, 'stores the event in its own organization only'),
    address: NO_ADDRESS,
  },
};

const FORM = 'http/reports-sign-in';

/** A page or a form that reads the cookie of the reports, and no header Authorization. */
const ofReports: EntryPoint = {
  does: 'takes',
  proofs: {
    wrong: HERE,
    expired: HERE,
    replayed: HERE,
    raced: HERE,
    deactivated: HERE,
    demoted: at('http/reports-session', 'a change of role takes effect with the next page'),
    foreign: at('http/reports-session', 'a cookie that was not signed for the reports, or was changed, is refused'),
    address: NO_ADDRESS,
  },
};

/** An endpoint or a mutation that needs no credential, and that takes no secret either. */
export const PUBLIC_ENDPOINTS = ['/.well-known/jwks.json', '/health/live', '/health/ready'];

/** Every entry point to sessions and credentials. Mutations and queries by their names, endpoints by method and path, commands by their names. */
export const ENTRY_POINTS: Record<string, EntryPoint> = {
  signIn: {
    does: 'gives and takes',
    proofs: {
      wrong: at('identity/sign-in', 'an unknown email address and a wrong password get the same response'),
      expired: impossible('a password does not expire'),
      replayed: impossible('a password is used again and again'),
      raced: impossible('two sign-ins are two sessions'),
      deactivated: HERE,
      demoted: NO_ROLE,
      foreign: at('identity/sign-in', 'a sign-in to an organization of others fails like one to an unknown'),
      address: NO_ADDRESS,
    },
  },
  signUp: {
    does: 'gives and takes',
    proofs: {
      wrong: at('identity/sign-up-invited', 'on a closed server, a stranger cannot create an account'),
      expired: at('identity/sign-up-invited', 'an invitation that cannot be accepted creates no account'),
      replayed: at('identity/sign-up-invited', 'the secret of an empty server creates one account'),
      raced: at('identity/sign-up-invited', 'of several sign-ups with one secret on two nodes, one succeeds'),
      deactivated: at('identity/sign-up-invited', 'an invitation that cannot be accepted creates no account'),
      demoted: at(INVITATION, 'acceptance checks the granted permissions against those of the inviter again'),
      foreign: impossible('the secret names the organization'),
      address: NO_ADDRESS,
    },
  },
  acceptInvitation: {
    does: 'gives and takes',
    proofs: {
      wrong: at(INVITATION, ONE_RESPONSE),
      expired: at(INVITATION, 'an invitation expires after 7 days'),
      replayed: at(INVITATION, 'an invited person reads the offer, signs up, accepts once and becomes a member'),
      raced: at(INVITATION, 'exactly one of two concurrent acceptances succeeds'),
      deactivated: HERE,
      demoted: at(INVITATION, 'acceptance checks the granted permissions against those of the inviter again'),
      foreign: at(INVITATION, ONE_RESPONSE),
      address: SESSION_ONLY,
    },
  },
  declineInvitation: {
    does: 'takes',
    proofs: {
      wrong: at(INVITATION, ONE_RESPONSE),
      expired: at(INVITATION, ONE_RESPONSE),
      replayed: at(INVITATION, 'a person without an account declines once with the secret'),
      raced: HERE,
      deactivated: HERE,
      demoted: NO_ROLE,
      foreign: at(INVITATION, ONE_RESPONSE),
      address: NO_ADDRESS,
    },
  },
  invitationOffer: {
    does: 'takes',
    proofs: {
      wrong: at(INVITATION, ONE_RESPONSE),
      expired: at(INVITATION, ONE_RESPONSE),
      replayed: at(INVITATION, 'an invited person reads the offer, signs up, accepts once and becomes a member'),
      raced: impossible('it changes nothing'),
      deactivated: HERE,
      demoted: NO_ROLE,
      foreign: at(INVITATION, ONE_RESPONSE),
      address: NO_ADDRESS,
    },
  },
  refreshSession: {
    does: 'gives and takes',
    proofs: {
      wrong: at('identity/refresh', 'only a refresh token can refresh a session'),
      expired: at('identity/refresh', 'a session that is not refreshed in time expires together'),
      replayed: at('identity/refresh', 'a reused refresh token ends the session with its access tokens'),
      raced: at('identity/refresh', 'a refresh token works again for 10 seconds on any node, also in parallel'),
      deactivated: at('identity/refresh', 'a removed member can neither use nor refresh the session'),
      demoted: HERE,
      foreign: impossible('a refresh token names its session'),
      address: NO_ADDRESS,
    },
  },
  switchOrganization: {
    does: 'gives',
    proofs: {
      wrong: at(SWITCH, 'an API token and an anonymous caller cannot switch'),
      expired: at('identity/refresh', 'a session that is not refreshed in time expires together'),
      replayed: at(SWITCH, 'a switch back to an organization does not make earlier tokens valid again'),
      raced: at(SWITCH, 'of two parallel switches of one session, one succeeds'),
      deactivated: at(SWITCH, 'a removed member cannot switch to the organization'),
      demoted: at(SWITCH, 'after a switch the caller has the role of the new organization'),
      foreign: at(SWITCH, 'an organization of others gets the same error as an unknown one'),
      address: SESSION_ONLY,
    },
  },
  createApiToken: {
    does: 'gives',
    proofs: {
      ...everyAttackHere,
      raced: at('identity/token-lineage', 'of a creation and the revocation of its token at once, no token is left'),
    },
  },
  rotateApiToken: { does: 'gives', proofs: everyAttackHere },
  createApiKey: { does: 'gives', proofs: everyAttackHere },
  rotateApiKey: { does: 'gives', proofs: everyAttackHere },
  createInvitations: { does: 'gives', proofs: everyAttackHere },
  resendInvitation: {
    does: 'gives',
    proofs: {
      ...everyAttackHere,
      raced: at(INVITATION, 'an acceptance during a resend or a deletion either succeeds or finds the secret invalid'),
    },
  },
  createIntegration: {
    does: 'gives',
    proofs: { ...everyAttackHere, foreign: impossible('it names no other object') },
  },
  rotateIntegrationSecret: {
    does: 'gives',
    proofs: { ...everyAttackHere, raced: at(EVENTS, 'has one valid URL after several rotations at once') },
  },
  'POST /integrations/custom-event/': eventEndpoint,
  'POST /integrations/deploy/': eventEndpoint,
  'POST /graphql': withHeader(),
  'GET /graphql': withHeader({ demoted: HERE }),
  'GET /audit-events.csv': withHeader({ demoted: HERE, foreign: HERE }),
  'GET /audit-events.jsonl': withHeader({ demoted: HERE, foreign: HERE }),
  'GET /schema.graphql': withHeader({ demoted: NO_ROLE, foreign: impossible('it is the same for everybody') }),
  'GET /services/export': withHeader({
    demoted: HERE,
    foreign: at(
      'http/service-files',
      'a file contains the services of one organization, and an import finds no others',
    ),
  }),
  'POST /services/import': withHeader({
    demoted: HERE,
    foreign: at(
      'http/service-files',
      'a file contains the services of one organization, and an import finds no others',
    ),
  }),
  // Pages take the cookie of the form, which `/reports/organization` replaces. `GET /reports/*` stands for each page.
  'GET /reports/*': ofReports,
  'GET /reports/sign-in': ofReports,
  'GET /reports/organization': ofReports,
  'POST /reports/sign-out': ofReports,
  'POST /reports/organization': { ...ofReports, does: 'gives and takes' },
  'POST /reports/sign-in': {
    does: 'gives and takes',
    proofs: {
      wrong: at(FORM, 'a wrong password and an unknown account get the page of the form with the message of the API'),
      expired: at(FORM, 'of a foreign page is refused without the cookie, with two of them, and after an hour'),
      replayed: impossible('a password is used again and again'),
      raced: impossible('two sign-ins are two sessions'),
      deactivated: at(FORM, 'a person with several organizations chooses one of them, and no other'),
      demoted: NO_ROLE,
      foreign: at(FORM, 'a person with several organizations chooses one of them, and no other'),
      address: NO_ADDRESS,
    },
  },
  'GET /metrics': {
    does: 'takes',
    proofs: {
      wrong: at('http/metrics', 'a scrape needs the token: without it, with a wrong one or with that of a member'),
      ...Object.fromEntries(
        (['expired', 'replayed', 'raced', 'deactivated', 'demoted', 'foreign', 'address'] as const).map((attack) => [
          attack,
          impossible('its token is a fixed value of the configuration'),
        ]),
      ),
    } as EntryPoint['proofs'],
  },
  'POST /secrets/revoke': {
    does: 'takes',
    proofs: {
      wrong: at('http/secret-revocation', 'the response does not tell whether a secret was valid'),
      expired: at('http/secret-revocation', 'a secret that is not valid any more revokes nothing'),
      replayed: at('http/secret-revocation', 'a secret that is not valid any more revokes nothing'),
      raced: at('http/secret-revocation', '50 revocations of one secret at once leave one event'),
      deactivated: at('http/secret-revocation', 'a secret that is not valid any more revokes nothing'),
      demoted: NO_ROLE,
      foreign: PUBLIC,
      address: at('http/secret-revocation', 'the token of a service account and a narrowed token are revoked from any'),
    },
  },
  'create-owner': {
    does: 'gives',
    proofs: Object.fromEntries(
      Object.keys(ATTACKS).map((attack) => [
        attack,
        attack === 'replayed'
          ? at('main', 'create-owner creates an account that may create organizations, or gives an account this right')
          : impossible('it is a command of the operator, and runs with the password of the database'),
      ]),
    ) as EntryPoint['proofs'],
  },
};

/** Each file that makes a secret or a session, with the entry points that it belongs to. `src/lib/secret.ts` and `api-token/insert.ts` define the functions that they call. */
export const MAKERS: Record<string, string[]> = {
  'src/identity/setup-secret.ts': ['signUp'],
  'src/resources/api-key/create.ts': ['createApiKey'],
  'src/resources/api-token/create.ts': ['createApiToken'],
  'src/resources/api-token/rotation.ts': ['rotateApiToken', 'rotateApiKey'],
  'src/resources/integration/service.ts': ['createIntegration', 'rotateIntegrationSecret'],
  'src/resources/invitation/service.ts': ['createInvitations', 'resendInvitation'],
  'src/resources/session/report-session.ts': ['POST /reports/sign-in', 'POST /reports/organization'],
  'src/resources/session/issue.ts': ['signIn', 'signUp', 'acceptInvitation', 'refreshSession', 'switchOrganization'],
};
