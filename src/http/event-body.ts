import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AmbitError } from '../lib/errors.ts';
import { findJsonProblem } from '../lib/json-text.ts';
import { parseDeploy } from '../resources/integration/deploy.ts';
import type { ReceivedEvent } from '../resources/integration/events.ts';
import { EVENT_LIMITS } from '../resources/integration/limits.ts';
import type { IntegrationType } from '../resources/integration/table.ts';
import { busy, invalidEvent } from './event-errors.ts';
import type { RequestMemory } from './memory.ts';

const maxOf = (type: IntegrationType): number => (type === 'DEPLOY' ? EVENT_LIMITS.deploy : EVENT_LIMITS.customEvent);

/** The body of a request to an integration of this type. */
export async function readEventBody(
  memory: RequestMemory,
  req: IncomingMessage,
  type: IntegrationType,
): Promise<Buffer> {
  const max = maxOf(type);
  const body = await memory.readBody(req, max);
  if (body === 'incomplete') throw busy({ connection: 'close' });
  if (body === 'too large')
    throw invalidEvent(413, `The request body must not be larger than ${max} bytes.`, { connection: 'close' });
  return body;
}

/** Throws unless an integration of this type accepts the body. */
export async function requirePayload(body: Buffer, type: IntegrationType, now: Date): Promise<void> {
  await requireJson(body);
  if (type === 'DEPLOY') requireDeploy(body, now);
}

async function requireJson(body: Buffer): Promise<void> {
  if (!isUtf8(body)) throw invalidEvent(400, 'The request body must be JSON in UTF-8.');
  const problem = await findJsonProblem(body, EVENT_LIMITS.depth);
  if (problem?.reason === 'too deep')
    throw invalidEvent(422, `The payload must not be nested more than ${EVENT_LIMITS.depth} levels deep.`);
  if (problem) throw invalidEvent(400, `The request body must be JSON. It is invalid at byte ${problem.at}.`);
}

/** A payload of type DEPLOY is small, so it is checked before it is stored. */
function requireDeploy(body: Buffer, now: Date): void {
  try {
    parseDeploy(JSON.parse(body.toString()), now);
  } catch (error) {
    throw error instanceof AmbitError ? invalidEvent(422, error.message) : error;
  }
}

export function eventOf(body: Buffer, key: string | null, now: Date): ReceivedEvent {
  return {
    payload: body.toString(),
    size: body.length,
    idempotencyKey: key === null ? null : digest(key),
    fingerprint: key === null ? null : digest(body),
    receivedAt: now,
  };
}

const digest = (data: string | Buffer): string => createHash('sha256').update(data).digest('base64url');
