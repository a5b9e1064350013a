import type { Api, Caller, Json } from '../support/api.ts';
import { mutate } from '../support/world.ts';

export interface Sent {
  headers?: Record<string, string>;
  body?: unknown;
  method?: string;
  /** Replaces the secret at the end of the URL. */
  secret?: string;
  /** Replaces the type in the path. */
  path?: string;
}

export interface Answer {
  status: number;
  id: string | undefined;
  /** The code, the message and the reason of the error. */
  code: string | undefined;
  message: string | undefined;
  reason: string | undefined;
  headers: Headers;
}

export interface TestIntegration {
  id: string;
  url: string;
  secret: string;
  send(payload?: unknown, sent?: Sent): Promise<Answer>;
}

export const secretIn = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

/** Sends an event to a URL of the API. A text or bytes are sent as they are. */
export async function sendEvent(
  { address }: Pick<Api, 'address'>,
  url: string,
  payload: unknown = {},
  { headers = {}, method = 'POST', secret, path }: Sent = {},
): Promise<Answer> {
  const { pathname } = new URL(url);
  const [, , type] = pathname.split('/');
  const own = `/integrations/${path ?? type}/${secret ?? secretIn(url)}`;
  const raw = typeof payload === 'string' || payload instanceof Uint8Array;
  const response = await fetch(`${address}${own}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(method === 'POST' && { body: (raw ? payload : JSON.stringify(payload)) as BodyInit }),
  });
  const text = await response.text();
  const body: Json = text === '' ? {} : JSON.parse(text);
  const error = body.errors?.[0];
  return {
    status: response.status,
    id: body.id,
    code: error?.extensions.code,
    message: error?.message,
    reason: error?.extensions.reason,
    headers: response.headers,
  };
}

let number = 0;

export async function createIntegration(
  api: Pick<Api, 'address'>,
  by: Caller,
  type: 'CUSTOM_EVENT' | 'DEPLOY' = 'CUSTOM_EVENT',
  input: object = {},
): Promise<TestIntegration> {
  const given = { name: `Integration ${++number}`, type, ...input };
  const { integration, url, errors } = await mutate(by, 'createIntegration', given, 'integration { id } url');
  if (!integration) throw new Error(JSON.stringify(errors));
  return {
    id: integration.id,
    url,
    secret: secretIn(url),
    send: (payload, sent) => sendEvent(api, url, payload, sent),
  };
}

const EVENTS = `query ($id: ID!) { integration(id: $id) {
  lastEventAt events(first: 100) { id payload size status error receivedAt processedAt } } }`;

/** The events of an integration, newest first. */
export const eventsOf = async (by: Caller, id: string): Promise<Json[]> =>
  (await by.query(EVENTS, { id })).data.integration.events;
