import { expect } from 'vitest';
import type { Api, ApiResponse, Caller, Json } from '../support/api.ts';
import { executeMutation } from '../support/world.ts';

/** A response without its headers, which differ between requests. */
export const whole = ({ status, data, errors }: ApiResponse): Json => ({ status, data, errors });

const LOOK = '{ viewer { user { email } organization { slug } } }';

/** The response to a query for the viewer. */
export const look = async (caller: Caller): Promise<Json> => whole(await caller.query(LOOK));

/** The response of `look` to a signed-in caller. */
export const inside = (email: string, slug: string | null): Json => ({
  status: 200,
  data: { viewer: { user: { email }, organization: slug && { slug } } },
  errors: undefined,
});

const NOBODY =
  'The credential in the Authorization header is not valid: it is wrong, has expired or was revoked. Sign in again, or omit the header.';

/** The response to every request with an invalid credential. */
export const REFUSED: Json = {
  status: 401,
  data: undefined,
  errors: [{ message: NOBODY, extensions: { code: 'UNAUTHENTICATED' } }],
};

/** The error of a later field of a document after its credential was revoked. */
export const refusedAt = (field: string): Json => ({
  message: NOBODY,
  path: [field],
  locations: expect.any(Array),
  extensions: { code: 'UNAUTHENTICATED' },
});

const REFRESH = `mutation ($input: RefreshSessionInput!) {
  refreshSession(input: $input) {
    session { accessToken refreshToken expiresAt organization { slug } }
    errors { code path message }
  }
}`;

/** Refreshes a session and returns the payload. */
export async function refresh(api: Api, refreshToken: string, caller: Caller = api.as()): Promise<Json> {
  const { data, errors } = await caller.query(REFRESH, { input: { refreshToken } });
  expect(errors).toBeUndefined();
  return data.refreshSession;
}

/** The payload for an invalid refresh token, whatever the cause. */
export const WRONG_REFRESH: Json = {
  session: null,
  errors: [
    {
      code: 'WRONG_CREDENTIALS',
      path: ['refreshToken'],
      message: 'refreshToken: is not valid: it is unknown, used, or its session has ended. Sign in again.',
    },
  ],
};

const SWITCH = `mutation ($id: ID!) {
  switchOrganization(input: { organizationId: $id }) {
    session { accessToken refreshToken organization { slug } }
    errors { code path message }
  }
}`;

/** Switches the organization of the caller's session. Returns a caller with the new tokens. */
export async function moveTo(api: Api, caller: Caller, id: string): Promise<Caller & { refreshToken: string }> {
  const { session } = await executeMutation(caller, SWITCH, { id });
  return { ...api.as(session.accessToken), refreshToken: session.refreshToken };
}

/** Tries to switch the organization of the caller's session and returns the response. */
export const tryMove = async (caller: Caller, id: string): Promise<Json> => whole(await caller.query(SWITCH, { id }));

/** The id of the caller's session or API token. */
export async function credentialOf(caller: Caller): Promise<string> {
  const { data } = await caller.query('{ viewer { credential { id } } }');
  return data.viewer.credential.id;
}

/** Sends a request with the given headers. */
export async function post(
  api: Api,
  headers: Record<string, string>,
  query: string,
  variables?: Record<string, unknown>,
): Promise<ApiResponse> {
  const response = await fetch(`${api.address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as Json;
  return { status: response.status, headers: response.headers, data, errors };
}

/** Every value of every table as text, to search for secrets that must not be stored. */
export async function everythingStored(api: Api): Promise<string> {
  const tables = await api.root`select relname as name from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace`;
  const contents = await Promise.all(
    tables.map(({ name }) =>
      api.root.unsafe(`select coalesce(json_agg(t order by t::text), '[]')::text as all from "${name}" t`),
    ),
  );
  return contents.map(([row]) => row?.['all']).join('\n');
}

/** The audit events of one action, the oldest first. */
export const eventsOf = (api: Api, action: string): Promise<Json> => api.root`
  select o.slug as organization, actor, outcome, reason
  from audit_events e join organizations o on o.id = e.organization_id where action = ${action} order by e.id`;

export const MINUTE = 60_000;
export const DAY = 24 * 60 * MINUTE;
