import type { IncomingMessage } from 'node:http';
import { EVENT_ENDPOINTS, type EventPath } from '../access/endpoints.ts';
import type { Dependencies } from '../context.ts';
import { ANONYMOUS } from '../identity/actor.ts';
import { toPublicId } from '../lib/ids.ts';
import { hashSecret, isSecret } from '../lib/secret.ts';
import type { StoredEvent } from '../resources/integration/events.ts';
import {
  createIntegrationLookup,
  type IntegrationLookup,
  type KnownIntegration,
} from '../resources/integration/find.ts';
import { createEventStore, type EventStore } from '../resources/integration/store.ts';
import { eventOf, readEventBody, requirePayload } from './event-body.ts';
import { busy, integrationDisabled, invalidEvent, noIntegration, reasonOf, wrongType } from './event-errors.ts';
import { idempotencyKeyOf, requireJsonBody } from './event-headers.ts';
import type { RequestMemory } from './memory.ts';
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
  if (!hash || !integration) return await refuseUnknown(dependencies, server);
  const { organizationId } = integration;
  server.state.trace.actor = { ...ANONYMOUS, organization: { id: organizationId, slug: '', name: '' } };
  try {
    requireUsable(integration, endpoint);
    await countForIntegration(dependencies, integration);
    const stored = await accept(parts, integration, hash, req, server);
    return jsonResponse(202, { id: toPublicId('ine', stored.id) });
  } catch (error) {
    countRefusal(dependencies, integration, server, error);
    throw error;
  }
}

/** Counts the request for its network, as one with an invalid credential. */
async function refuseUnknown(dependencies: Dependencies, { address }: EventRequest): Promise<never> {
  await countFor(dependencies, ANONYMOUS, address, 1);
  throw noIntegration();
}

function requireUsable({ enabled, type }: KnownIntegration, endpoint: EventPath): void {
  if (type !== EVENT_ENDPOINTS[endpoint]) throw wrongType();
  if (!enabled) throw integrationDisabled();
}

/** Counts the refusal for the audit log of the organization. */
function countRefusal(
  { eventRefusals }: Dependencies,
  { id: integrationId, organizationId }: KnownIntegration,
  { requestId, address }: EventRequest,
  error: unknown,
): void {
  const reason = reasonOf(error);
  if (reason) eventRefusals.add({ organizationId, integrationId, reason, requestId, address });
}

/** Reads, checks and stores the event. */
async function accept(
  parts: Parts,
  integration: KnownIntegration,
  hash: string,
  req: IncomingMessage,
  { state: { work } }: EventRequest,
): Promise<StoredEvent> {
  const { memory, dependencies, store } = parts;
  requireJsonBody(req);
  const key = idempotencyKeyOf(req);
  const body = await readEventBody(memory, req, integration.type);
  const admission = memory.admit(body.length);
  if (!admission) throw busy();
  try {
    admission.chargeOrganization(integration.organizationId);
    const now = dependencies.clock();
    await requirePayload(body, integration.type, now);
    const stored = await store.add(integration, hash, eventOf(body, key, now), work);
    if (!stored) throw await notUsable(parts, hash);
    if (stored.isOther) throw invalidEvent(422, 'Idempotency-Key: the event with this key has another payload.');
    return stored;
  } finally {
    admission.release();
  }
}

/** The error for an integration that was disabled or deleted, or got another secret, after its lookup. */
async function notUsable({ lookup }: Parts, hash: string): Promise<Error> {
  lookup.forget(hash);
  return (await lookup.find(hash)) ? integrationDisabled() : noIntegration();
}
