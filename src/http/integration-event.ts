import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { refusal } from '../access/access.ts';
import { EVENT_ENDPOINTS, type EventPath } from '../access/endpoints.ts';
import type { Dependencies, EventRefusal } from '../context.ts';
import { ANONYMOUS } from '../identity/actor.ts';
import { AmbitError } from '../lib/errors.ts';
import { idAt, toPublicId } from '../lib/ids.ts';
import { findJsonProblem } from '../lib/json-text.ts';
import { hashSecret, isSecret } from '../lib/secret.ts';
import { parseDeploy } from '../resources/integration/deploy.ts';
import type { NewEvent, StoredEvent } from '../resources/integration/events.ts';
import {
  createIntegrationLookup,
  type IntegrationLookup,
  type KnownIntegration,
} from '../resources/integration/find.ts';
import { EVENT_LIMITS } from '../resources/integration/limits.ts';
import { EventRefusedError } from '../resources/integration/refusals.ts';
import { createEventStore, type EventStore } from '../resources/integration/store.ts';
import { idempotencyKeyOf, requireJsonBody } from './event-headers.ts';
import { BUSY, type RequestMemory } from './memory.ts';
import { countFor, countForIntegration } from './request-count.ts';
import { type HttpResponse, jsonResponse } from './response.ts';
import type { ServerContext } from './server-context.ts';

type EventRequest = Pick<ServerContext, 'requestId' | 'address'> & {
  readonly state: Pick<ServerContext['state'], 'work' | 'trace'>;
};

/** The endpoints that receive the events of integrations. */
export interface EventRoutes {
  /** Null for a path of no such endpoint. */
  find(path: string): ((req: IncomingMessage, server: EventRequest) => Promise<HttpResponse>) | null;
}

const PATHS = Object.keys(EVENT_ENDPOINTS) as EventPath[];

const endpointOf = (path: string): EventPath | undefined => PATHS.find((prefix) => path.startsWith(prefix));

/** The route for the log, without the secret. Null for a path of no such endpoint. */
export function eventRouteOf(path: string): string | null {
  const endpoint = endpointOf(path);
  return endpoint ? `${endpoint}:secret` : null;
}

interface Parts {
  readonly dependencies: Dependencies;
  readonly memory: RequestMemory;
  readonly lookup: IntegrationLookup;
  readonly store: EventStore;
}

export function createEventRoutes(dependencies: Dependencies, memory: RequestMemory): EventRoutes {
  const parts = {
    dependencies,
    memory,
    lookup: createIntegrationLookup(dependencies),
    store: createEventStore(dependencies),
  };
  return {
    find(path) {
      const endpoint = endpointOf(path);
      if (!endpoint) return null;
      const secret = path.slice(endpoint.length);
      return (req, server) => receive(parts, endpoint, secret, req, server);
    },
  };
}

/** Stores an event. The body is read after the secret and the limits were checked. */
async function receive(
  parts: Parts,
  endpoint: EventPath,
  secret: string,
  req: IncomingMessage,
  server: EventRequest,
): Promise<HttpResponse> {
  const { lookup, dependencies } = parts;
  const hash = isSecret('ambit_int_', secret) ? hashSecret(secret) : null;
  const integration = hash && (await lookup.find(hash));
  if (!hash || !integration) throw await unknownSecret(dependencies, server);
  const { id: integrationId, organizationId } = integration;
  server.state.trace.actor = { ...ANONYMOUS, organization: { id: organizationId, slug: '', name: '' } };
  try {
    requireUsable(integration, endpoint);
    await countForIntegration(dependencies, integration);
    const stored = await accept(parts, integration, hash, req, server);
    return jsonResponse(202, { id: toPublicId('ine', stored.id) });
  } catch (error) {
    const reason = reasonOf(error);
    const { requestId, address } = server;
    if (reason) dependencies.eventRefusals.add({ organizationId, integrationId, reason, requestId, address });
    throw error;
  }
}

/** Counts the request for its network, as one with an invalid credential. */
async function unknownSecret(dependencies: Dependencies, { address }: EventRequest): Promise<AmbitError> {
  await countFor(dependencies, ANONYMOUS, address, 1);
  return noIntegration();
}

const NO_INTEGRATION = 'No integration of this type has this URL.';

const noIntegration = (): AmbitError => new AmbitError('NOT_FOUND', NO_INTEGRATION, { http: { status: 404 } });

function requireUsable({ enabled, type }: KnownIntegration, endpoint: EventPath): void {
  if (type !== EVENT_ENDPOINTS[endpoint])
    throw new EventRefusedError('WRONG_TYPE', 'NOT_FOUND', NO_INTEGRATION, { status: 404 });
  if (!enabled) throw disabled();
}

const disabled = (): AmbitError =>
  refusal(
    'INTEGRATION_DISABLED',
    'The integration of this URL is disabled.',
    'Ask an Admin of the organization to enable it.',
  );

/** Reads, checks and stores the event. */
async function accept(
  parts: Parts,
  integration: KnownIntegration,
  hash: string,
  req: IncomingMessage,
  { state: { work } }: EventRequest,
): Promise<StoredEvent> {
  const { memory, dependencies, store, lookup } = parts;
  requireJsonBody(req);
  const key = idempotencyKeyOf(req);
  const body = await readBody(memory, req, maxOf(integration));
  const admission = memory.admit(body.length);
  if (!admission) throw busy();
  try {
    admission.chargeOrganization(integration.organizationId);
    await requireJson(body);
    if (integration.type === 'DEPLOY') requireDeploy(body, dependencies.clock());
    const event = eventOf(body, key, dependencies.clock());
    const stored = await store.add(integration, hash, event, work);
    if (stored?.isOther) throw badRequest(422, 'Idempotency-Key: the event with this key has another payload.');
    if (stored) return stored;
  } finally {
    admission.release();
  }
  lookup.forget(hash);
  throw (await lookup.find(hash)) ? disabled() : noIntegration();
}

const maxOf = ({ type }: KnownIntegration): number =>
  type === 'DEPLOY' ? EVENT_LIMITS.deploy : EVENT_LIMITS.customEvent;

async function readBody(memory: RequestMemory, req: IncomingMessage, max: number): Promise<Buffer> {
  const body = await memory.readBody(req, max);
  if (body === 'incomplete') throw busy({ connection: 'close' });
  if (body === 'too large')
    throw badRequest(413, `The request body must not be larger than ${max} bytes.`, { connection: 'close' });
  return body;
}

async function requireJson(body: Buffer): Promise<void> {
  if (!isUtf8(body)) throw badRequest(400, 'The request body must be JSON in UTF-8.');
  const problem = await findJsonProblem(body, EVENT_LIMITS.depth);
  if (problem?.reason === 'too deep')
    throw badRequest(422, `The payload must not be nested more than ${EVENT_LIMITS.depth} levels deep.`);
  if (problem) throw badRequest(400, `The request body must be JSON. It is invalid at byte ${problem.at}.`);
}

/** A payload of type DEPLOY is small, so it is checked before it is stored. */
function requireDeploy(body: Buffer, now: Date): void {
  try {
    parseDeploy(JSON.parse(body.toString()), now);
  } catch (error) {
    throw error instanceof AmbitError ? badRequest(422, error.message) : error;
  }
}

function eventOf(body: Buffer, key: string | null, now: Date): NewEvent {
  return {
    id: idAt(now),
    payload: body.toString(),
    size: body.length,
    idempotencyKey: key === null ? null : digest(key),
    fingerprint: key === null ? null : digest(body),
    createdAt: now,
  };
}

const digest = (data: string | Buffer): string => createHash('sha256').update(data).digest('base64url');

const badRequest = (status: number, message: string, headers?: Record<string, string>): AmbitError =>
  new AmbitError('BAD_REQUEST', message, { http: { status, headers } });

const busy = (headers: Record<string, string> = {}): AmbitError => {
  const http = { status: 503, headers: { 'retry-after': '1', ...headers } };
  return new AmbitError('UNAVAILABLE', BUSY, { http });
};

/** The reason in the audit log. Null if the sender did nothing wrong. */
function reasonOf(error: unknown): EventRefusal['reason'] | null {
  if (error instanceof EventRefusedError) return error.reason;
  if (!(error instanceof AmbitError)) return null;
  if (error.code === 'FORBIDDEN') return 'INTEGRATION_DISABLED';
  if (error.code === 'RATE_LIMITED') return 'RATE_LIMITED';
  return error.code === 'BAD_REQUEST' ? 'INVALID_EVENT' : null;
}
