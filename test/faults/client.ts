import http, { type Agent } from 'node:http';

// biome-ignore lint/suspicious/noExplicitAny: the type of the data depends on the operation
export type Json = any;

export interface Operation {
  query: string;
  variables?: Record<string, unknown>;
}

/** A response, or the reason why there is none. */
export interface Reply {
  status: number | null;
  retryAfter: boolean;
  body: Json;
  /** `refused`: no server listens. `cut`: the connection ended before the response. `timeout`: the client gave up. */
  failed: 'refused' | 'cut' | 'timeout' | null;
  /** The error of the connection. */
  error: string | null;
}

export interface Request {
  agent: Agent;
  address: string;
  token?: string;
  requestId?: string;
  operation: Operation;
  /** Milliseconds after which the client gives up. */
  deadline: number;
}

/** Sends one operation on a keep-alive connection. */
export function send({ agent, address, token, requestId, operation, deadline }: Request): Promise<Reply> {
  const { query, variables } = operation;
  const body = JSON.stringify({ query, variables });
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    accept: 'application/graphql-response+json, application/json;q=0.9',
    ...(token && { authorization: `Bearer ${token}` }),
    ...(requestId && { 'x-request-id': requestId }),
  };
  return new Promise((done) => {
    let isLate = false;
    const end = (reply: Partial<Reply>): void => {
      clearTimeout(timer);
      done({ status: null, retryAfter: false, body: null, failed: null, error: null, ...reply });
    };
    const fail = (error: NodeJS.ErrnoException): void =>
      end({
        failed: isLate ? 'timeout' : error.code === 'ECONNREFUSED' ? 'refused' : 'cut',
        error: `${error.message}${req.reusedSocket ? ' on a kept connection' : ''}`,
      });
    const req = http.request(`${address}/graphql`, { method: 'POST', agent, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', fail);
      res.on('end', () =>
        end({
          status: res.statusCode ?? null,
          retryAfter: res.headers['retry-after'] !== undefined,
          body: parse(Buffer.concat(chunks).toString()),
        }),
      );
    });
    const timer = setTimeout(() => {
      isLate = true;
      req.destroy();
    }, deadline);
    req.on('error', fail);
    req.end(body);
  });
}

function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The codes of all errors of a reply, including input errors. */
export function codesOf({ body, status }: Reply): string[] {
  if (body === null) return [`status ${status}`];
  const ofInput = Object.values(body.data ?? {}).flatMap((value: Json) => value?.errors ?? []);
  return [
    ...(body.errors ?? []).map(({ extensions }: Json) => extensions?.code ?? 'no code'),
    ...ofInput.map(({ code }: Json) => `input ${code}`),
  ];
}
