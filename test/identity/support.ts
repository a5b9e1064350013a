import type { JWK } from 'jose';
import type { Sql } from 'postgres';
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

/** The private key that signs access tokens, decrypted. */
export async function privateJwkIn(api: Api): Promise<JWK & { kid: string }> {
  const [row] = await api.root`select kid, private_jwk as jwk from signing_keys order by signs_from`;
  const place = { table: 'signing_keys', column: 'private_jwk', row: [row?.['kid']] };
  return JSON.parse(api.app.dependencies.encryption.decrypt(row?.['jwk'], place));
}

/** Every value of every table of every schema as text, to search for secrets that must not be stored. */
export async function everythingStored({ root: sql }: { root: Sql }): Promise<string> {
  const tables = await sql`
    select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
      (select array_agg(quote_ident(attname)) from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped and atttypid = 'bytea'::regtype) as bytes
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^(pg_toast|citus)'`;
  const contents = await Promise.all(
    tables.map(({ name, bytes }) => {
      // PostgreSQL shows bytes as hexadecimal digits.
      const decoded = (bytes ?? []).map((column: string) => `, string_agg(encode(${column}, 'escape'), ' ')`);
      return sql.unsafe(`select json_agg(t order by t::text)::text${decoded.join('')} from ${name} t`).values();
    }),
  );
  return JSON.stringify(contents);
}

/** The audit events of one action, the oldest first. */
export const eventsOf = (api: Api, action: string): Promise<Json> => api.root`
  select o.slug as organization, actor, outcome, reason
  from audit_events e join organizations o on o.id = e.organization_id where action = ${action} order by e.id`;

export const MINUTE = 60_000;
export const DAY = 24 * 60 * MINUTE;
