/**
 * @typedef {{ accessToken: string, refreshToken: string, refreshAt: number, email: string, organization: string | null }} Session
 * @typedef {{ accessToken: string, refreshToken: string, organization: { name: string } | null }} Issued
 * @typedef {{ message: string }} Reason
 * @typedef {{ data?: { result: { session: Issued | null, errors: Reason[] } | null } | null, errors?: Reason[] }} Result
 */

const RESULT = '{ session { accessToken refreshToken organization { name } } errors { message } }';
const SIGN_IN = `mutation SignIn($input: SignInInput!) { result: signIn(input: $input) ${RESULT} }`;
const REFRESH = `mutation Refresh($input: RefreshSessionInput!) { result: refreshSession(input: $input) ${RESULT} }`;
const SIGN_OUT = 'mutation SignOut { signOut(input: {}) { deletedId } }';

/** Milliseconds before its end at which an access token is replaced. */
const MARGIN = 30_000;

/**
 * sessionStorage keeps the tokens when the page is loaded again, and forgets them with the tab. Scripts of this origin can
 * read it, and they could equally intercept tokens in memory: the Content-Security-Policy admits only the server's own
 * scripts. Pages of other origins cannot read it, and no browser adds the tokens to a request by itself.
 */
const KEY = 'ambit:session';

/** @returns {Session | null} */
const restore = () => JSON.parse(sessionStorage.getItem(KEY) ?? 'null');

/** Reads the lifetime from the token, because the clocks of browser and server can differ. @param {string} accessToken */
function lifetimeOf(accessToken) {
  const payload = accessToken.split('.')[1] ?? '';
  const { iat, exp } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
  return (exp - iat) * 1000;
}

/** @param {unknown} body @param {HeadersInit} headers */
const send = (body, headers) =>
  fetch(location.pathname, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  });

/**
 * Tabs run one refresh at a time, because a duplicated tab has the same refresh token and it can be used once. Browsers offer
 * locks only for HTTPS and localhost. @template T @param {() => Promise<T>} run @returns {Promise<T>}
 */
const oneAtATime = (run) => (navigator.locks ? navigator.locks.request(KEY, run) : run());

/** The session of this tab. `onChange` is called with a message for the person. @param {(message: string) => void} onChange */
export function createSession(onChange) {
  let session = restore();
  /** @type {Promise<Session | null> | null} */
  let refreshing = null;
  const tabs = new BroadcastChannel(KEY);

  /** @param {Session | null} next @param {string} message */
  function set(next, message = '') {
    session = next;
    if (next) sessionStorage.setItem(KEY, JSON.stringify(next));
    else sessionStorage.removeItem(KEY);
    onChange(message);
  }

  tabs.onmessage = ({ data: { replaced, next } }) => {
    if (session?.refreshToken === replaced) set(next);
  };

  /**
   * Signs in or refreshes. Returns why it failed, and whether the input was refused: after another error, such as a rate limit,
   * the same input can succeed. @param {string} query @param {object} input @param {string} email
   */
  async function start(query, input, email) {
    /** @type {Result} */
    const { data, errors = [] } = await (await send({ query, variables: { input } }, {})).json();
    const issued = data?.result?.session;
    if (!issued) {
      const reasons = [...errors, ...(data?.result?.errors ?? [])];
      return { message: reasons.map(({ message }) => message).join(' '), isRefused: Boolean(data?.result) };
    }
    const { accessToken, refreshToken, organization } = issued;
    const refreshAt = Date.now() + lifetimeOf(accessToken) - MARGIN;
    set({ accessToken, refreshToken, refreshAt, email, organization: organization?.name ?? null });
    return null;
  }

  /** @param {Session} used @returns {Promise<Session | null>} */
  async function refresh(used) {
    if (session?.refreshToken !== used.refreshToken) return session;
    const failed = await start(REFRESH, { refreshToken: used.refreshToken }, used.email);
    if (failed && !failed.isRefused) return session;
    if (failed) set(null, 'The session has ended. Sign in again.');
    tabs.postMessage({ replaced: used.refreshToken, next: session });
    return session;
  }

  /** @param {Session} used */
  function refreshOnce(used) {
    refreshing ??= oneAtATime(() => refresh(used)).finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  /** Sends a request with a valid access token. @param {(headers: Record<string, string>) => Promise<Response>} request */
  async function authorized(request) {
    const attempt = () => request(session ? { authorization: `Bearer ${session.accessToken}` } : {});
    if (session && Date.now() > session.refreshAt) await refreshOnce(session);
    const used = session;
    const response = await attempt();
    // Status 401: nothing was executed, so the operation can be sent again.
    if (response.status !== 401 || !used) return response;
    // A response that is not read keeps its connection.
    await response.body?.cancel();
    await refreshOnce(used);
    return await attempt();
  }

  return {
    current: () => session,
    /** @param {{ email: string, password: string, organizationSlug?: string }} input */
    signIn: async (input) => (await start(SIGN_IN, input, input.email))?.message ?? null,
    signOut: async () => {
      await authorized((headers) => send({ query: SIGN_OUT }, headers)).catch(() => undefined);
      set(null);
    },
    /** An Authorization header in the editor replaces that of the session. @param {object} params @param {Record<string, string>} headers */
    run: async (params, headers) => {
      const isOwn = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
      const request = (/** @type {Record<string, string>} */ more) => send(params, { ...headers, ...more });
      return await (await (isOwn ? request({}) : authorized(request))).json();
    },
    /** @param {string} path */
    get: (path) => authorized((headers) => fetch(path, { headers })),
  };
}
