import type { Sql } from 'postgres';
import { PERMISSIONS } from '../../src/access/catalog.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { hashPassword } from '../../src/identity/password.ts';
import { newId } from '../../src/lib/ids.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import { listRequests } from '../workloads/list.ts';
import { pointRequests } from '../workloads/point.ts';
import { SMALL, smallRequests } from '../workloads/small.ts';
import { writeRequests } from '../workloads/write.ts';
import type { Database } from './database.ts';
import { graphql, type Request, sendOne } from './load.ts';
import { idOf, type Organization } from './seed.ts';
import type { Server } from './server.ts';

/** Sends the next request. Each request of an operation is another one, so that it can be repeated. */
export type Send = (server: Pick<Server, 'url'>) => Promise<unknown>;

export interface Operation {
  name: string;
  /** Whether it writes rows of an organization. */
  writes: boolean;
  /** Whether it writes tables of the instance too, which are on the coordinator. */
  joins: boolean;
  /** What must be done before the requests, such as signing in. It is not measured. */
  open(server: Pick<Server, 'url'>): Promise<Send>;
}

/** Variables of the server without which its rate limits would refuse the requests. */
export const UNLIMITED = {
  SIGN_UP: 'open',
  SIGN_IN_TRIES_PER_ADDRESS: '100000',
  RATE_LIMITS: 'organizationsPerPerson=1000000,refreshPerSession=1000000,refreshPerNetwork=1000000',
};

const PASSWORD = 'correct horse battery staple';
/** People of the first organization who can sign in. They are invited to the other ones. */
const PEOPLE = 12;
const DECISIONS = 100;
const DAY = 86_400_000;

const SIGN_IN = `mutation ($input: SignInInput!) {
  signIn(input: $input) { session { accessToken refreshToken } errors { code } }
}`;
const REFRESH = `mutation ($input: RefreshSessionInput!) {
  refreshSession(input: $input) { session { refreshToken } errors { code } }
}`;
const CREATE = `mutation ($input: CreateOrganizationInput!) {
  createOrganization(input: $input) { organization { id } errors { code } }
}`;
const ACCEPT = `mutation ($input: AcceptInvitationInput!) {
  acceptInvitation(input: $input) { member { id } errors { code } }
}`;
const AUTHORIZE = 'query ($requests: [AuthorizationRequest!]!) { authorize(requests: $requests) { allowed } }';

const addressOf = (person: number): string => `person-${person}@bench-0.test`;

/** The invitation of a person to an organization other than the first. */
interface Invitation {
  person: number;
  organization: number;
  secret: string;
}

/** Invitations of all people to all organizations that get requests. */
export const newInvitations = (organizations: number): Invitation[] =>
  Array.from({ length: (organizations - 1) * PEOPLE }, (_, n) => ({
    person: n % PEOPLE,
    organization: 1 + Math.floor(n / PEOPLE),
    secret: newSecret('ambit_inv_'),
  }));

/** Adds passwords and invitations. */
export async function addPeople(sql: Sql, organizations: Organization[], invitations: Invitation[]): Promise<void> {
  const hash = await hashPassword(PASSWORD);
  const addresses = Array.from({ length: PEOPLE }, (_, n) => addressOf(n));
  await sql`insert into passwords (user_id, hash) select id, ${hash} from users where email = any (${addresses})`;
  const rows = invitations.map(({ person, organization, secret }) => ({
    organization_id: organizations[organization]?.id ?? '',
    id: newId(),
    email: addressOf(person),
    hash: hashSecret(secret),
    inviter_id: idOf('principal', organization, 0),
    role_id: roleByKey('read').id,
    project_roles: [],
    expires_at: new Date(Date.now() + DAY),
  }));
  await sql`insert into invitations ${sql(rows as never)}`;
  await sql`insert into organization_secrets ${sql(rows as never, 'hash', 'organization_id')}`;
}

/** The operations on one database. Later servers on the same database continue where the former ones have stopped. */
export function operationsOn(database: Database, invitations: Invitation[]): Operation[] {
  const numbers = countersOf();
  const read = { writes: false, joins: false };
  return [
    { name: 'read one object', ...read, open: inTurn(pointRequests(database)) },
    { name: 'list of 50 with relations', ...read, open: inTurn(listRequests(database)) },
    { name: `${DECISIONS} decisions`, ...read, open: inTurn(authorizeRequests(database)) },
    { name: 'API token, cached', ...read, open: inTurn(smallRequests(database).slice(0, 1)) },
    { name: 'API token, first request', ...read, open: inTurn(tokenRequests(database)) },
    { name: 'create a check', writes: true, joins: false, open: inTurn(writeRequests(database)) },
    { name: 'refresh a session', writes: true, joins: true, open: refreshing },
    { name: 'sign in', writes: true, joins: true, open: signingIn },
    { name: 'accept an invitation', writes: true, joins: true, open: accepting(invitations, numbers) },
    { name: 'create an organization', writes: true, joins: true, open: creating(numbers) },
  ];
}

/** Returns 0, 1, 2 and so on for each name. */
type Numbers = (name: string) => number;

function countersOf(): Numbers {
  const next = new Map<string, number>();
  return (name) => {
    const number = next.get(name) ?? 0;
    next.set(name, number + 1);
    return number;
  };
}

const inTurn = (requests: Request[]): Operation['open'] => {
  return async () => {
    let next = 0;
    return (server) => sendOne(server, requests[next++ % requests.length] as Request);
  };
};

const authorizeRequests = ({ organizations }: Database): Request[] => {
  const requests = [...PERMISSIONS.keys()].slice(0, DECISIONS).map((permission) => ({ permission }));
  return organizations.map(({ readTokens }) => graphql(readTokens[0] ?? '', AUTHORIZE, { requests }));
};

/** Each with another token. The servers keep the last tokens in memory, but these are used once. */
const tokenRequests = ({ organizations }: Database): Request[] =>
  Array.from({ length: organizations[0]?.readTokens.length ?? 0 }, (_, n) => n)
    .slice(1)
    .flatMap((n) => organizations.map(({ readTokens }) => graphql(readTokens[n] ?? '', SMALL)));

interface Session {
  accessToken: string;
  refreshToken: string;
}

const anonymous = (query: string, input: unknown): Request => {
  const { headers, ...request } = graphql('', query, { input });
  return { ...request, headers: { 'content-type': headers['content-type'] ?? '' } };
};

async function signIn(server: Pick<Server, 'url'>, person: number): Promise<Session> {
  const input = { email: addressOf(person), password: PASSWORD, organizationSlug: 'bench-0' };
  const answer = (await sendOne(server, anonymous(SIGN_IN, input))) as { data: { signIn: { session: Session } } };
  return answer.data.signIn.session;
}

const signingIn: Operation['open'] = async () => {
  let next = 0;
  return (server) => signIn(server, next++ % PEOPLE);
};

const refreshing: Operation['open'] = async (server) => {
  let { refreshToken } = await signIn(server, 0);
  return async (to) => {
    const answer = await sendOne(to, anonymous(REFRESH, { refreshToken }));
    refreshToken = (answer as { data: { refreshSession: { session: Session } } }).data.refreshSession.session
      .refreshToken;
  };
};

const creating =
  (numbers: Numbers): Operation['open'] =>
  async (server) => {
    const { accessToken } = await signIn(server, 0);
    return (to) => {
      const input = { name: 'New', slug: `new-${numbers('organization')}` };
      return sendOne(to, graphql(accessToken, CREATE, { input }));
    };
  };

/** Each request accepts another invitation. */
const accepting =
  (invitations: Invitation[], numbers: Numbers): Operation['open'] =>
  async (server) => {
    const sessions: Session[] = [];
    for (let person = 0; person < PEOPLE; person += 1) sessions.push(await signIn(server, person));
    return (to) => {
      const invitation = invitations[numbers('invitation')];
      if (!invitation) throw new Error('all invitations are accepted; decrease BENCH_ROUNDS');
      const token = sessions[invitation.person]?.accessToken ?? '';
      return sendOne(to, graphql(token, ACCEPT, { input: { secret: invitation.secret } }));
    };
  };
