import { setTimeout as sleep } from 'node:timers/promises';

/** Sends expensive documents until it is killed. It runs in a separate process, like the load generator. */
export interface Abuse {
  url: string;
  /** The API token of a member of an organization with many roles. */
  token: string;
  /** The ID of a role with many permissions. */
  roleId: string;
  /** Connections for each kind of document. */
  connections: number;
}

interface Operation {
  query: string;
  variables?: Record<string, unknown>;
  token?: string;
}

const repeat = (times: number, text: (at: number) => string): string =>
  Array.from({ length: times }, (_, at) => text(at)).join(' ');

const LARGE = 'x'.repeat(98_000);

/** A new document with large variables. The variables select other fields each time, so that it gets 16 plans. */
function planWithVariables(n: number): Operation {
  const query = `query q${n >> 4}($a:ID!,$b:Boolean!,$c:Boolean!,$d:Boolean!,$e:Boolean!){node(id:$a){id@skip(if:$b)id@skip(if:$c)id@skip(if:$d)id@skip(if:$e)}}`;
  const flags = { b: Boolean(n & 1), c: Boolean(n & 2), d: Boolean(n & 4), e: Boolean(n & 8) };
  return { query, variables: { a: `${LARGE}${n}`, ...flags } };
}

/** Lists of permissions: more than the limit, and as many as the limit allows. */
function leafLists(n: number, { roleId, token }: Abuse): Operation {
  const [aliases, ids] = n % 2 === 0 ? [60, 500] : [1, 250];
  const query = `query($i:[ID!]!){${repeat(aliases, (at) => `a${at}:nodes(ids:$i){...on Role{permissions}}`)}}`;
  return { query, variables: { i: Array(ids).fill(roleId) }, token };
}

const TYPE = '{name description enumValues{name description} ofType{name description enumValues{name description}}}';
const TYPES = `types{fields{description args{description type${TYPE}} type${TYPE}}}`;

const introspection = (n: number): Operation =>
  n % 2 === 0
    ? { query: `{${repeat(60, (at) => `a${at}:__schema{...S}`)}} fragment S on __Schema{${TYPES}}` }
    : { query: `{__schema{${TYPES}}}` };

const manyRoles = (_n: number, { token }: Abuse): Operation => ({
  query: '{roles(first:500){nodes{name}}}',
  token,
});

const KINDS = [planWithVariables, leafLists, introspection, manyRoles];

async function sendAll(kind: (typeof KINDS)[number], abuse: Abuse, from: number): Promise<never> {
  for (let n = from; ; n += abuse.connections) {
    const { token, ...body } = kind(n, abuse);
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    try {
      const response = await fetch(abuse.url, { method: 'POST', headers, body: JSON.stringify(body) });
      await response.arrayBuffer();
    } catch {
      // The server may have closed the connection, or may be gone.
      await sleep(100);
    }
  }
}

process.on('message', (abuse: Abuse) => {
  for (const kind of KINDS)
    for (let connection = 0; connection < abuse.connections; connection += 1) void sendAll(kind, abuse, connection);
});
