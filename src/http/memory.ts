import type { IncomingMessage } from 'node:http';
import { unavailable } from '../lib/errors.ts';

/** Bytes that a request in progress holds in addition to its body: headers, context, execution state. */
export const REQUEST_COST = 32_000;

/** A body is held as bytes, as text and as parsed values. */
const COPIES_OF_BODY = 3;

/** Share of the limit for bodies that are being received. */
const READING_SHARE = 0.25;

/** Share of the limit for the requests of one organization. */
const ORGANIZATION_SHARE = 0.5;

/** The message of a request that is refused because there is not enough memory for it. */
export const BUSY = 'The server has too many requests in progress. Try again later.';

/** Accounts for the memory of requests in progress. */
export interface RequestMemory {
  /** Bytes held. */
  held(): number;
  /** Whether the memory for another request is missing. */
  isFull(): boolean;
  /** The whole body, or the reason why it was not read. */
  readBody(req: IncomingMessage, max: number): Promise<Body>;
  /** Accounts for a request until `release`. Null if the limit would be exceeded. */
  admit(bodyBytes: number): Admission | null;
}

/** The memory of one request. */
export interface Admission {
  /** Counts the request against its organization's share. Throws UNAVAILABLE if the share is used up. */
  chargeOrganization(organization: string): void;
  release(): void;
}

/** `incomplete` if the client disconnected, or if the memory for bodies ran out while this body was received. */
export type Body = Buffer | 'too large' | 'incomplete';

interface Reading {
  bytes: number;
  giveUp: () => void;
}

/**
 * Limits the memory of requests in progress, because many of them can wait for the database at once. At the limit, new
 * requests are refused. If bodies that are being received use up their share, the oldest one is refused. Otherwise
 * clients that never finish sending could block all others.
 */
export function createRequestMemory(limit: number): RequestMemory {
  let working = 0;
  let arrived = 0;
  const readings = new Set<Reading>();
  const byOrganization = new Map<string, number>();

  const addToOrganization = (organization: string, cost: number): void => {
    const held = (byOrganization.get(organization) ?? 0) + cost;
    if (held > 0) byOrganization.set(organization, held);
    else byOrganization.delete(organization);
  };

  const add = (reading: Reading, bytes: number): void => {
    reading.bytes += bytes;
    arrived += bytes;
    while (arrived > limit * READING_SHARE) {
      const [oldest] = readings;
      if (!oldest) return;
      oldest.giveUp();
    }
  };
  const end = (reading: Reading): void => {
    if (readings.delete(reading)) arrived -= reading.bytes;
  };

  return {
    held: () => working + arrived,
    isFull: () => working + REQUEST_COST > limit,
    readBody: (req, max) => {
      if (Number(req.headers['content-length']) > max) return Promise.resolve('too large');
      const { promise, resolve } = Promise.withResolvers<Body>();
      const chunks: Buffer[] = [];
      const settle = (body: Body): void => {
        end(reading);
        req.socket.off('close', giveUp);
        chunks.length = 0;
        resolve(body);
      };
      const giveUp = (): void => settle('incomplete');
      const reading: Reading = { bytes: 0, giveUp };
      readings.add(reading);
      // After the response to a request that has reached its deadline, the request emits no error.
      req.socket.once('close', giveUp);
      req.on('data', (chunk: Buffer) => {
        if (!readings.has(reading)) return;
        if (reading.bytes + chunk.length > max) return settle('too large');
        chunks.push(chunk);
        add(reading, chunk.length);
      });
      req.on('end', () => settle(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
      req.on('error', giveUp);
      return promise;
    },
    admit: (bodyBytes) => {
      const cost = REQUEST_COST + COPIES_OF_BODY * bodyBytes;
      if (working + cost > limit) return null;
      working += cost;
      let charged: string | undefined;
      return {
        chargeOrganization(organization) {
          if ((byOrganization.get(organization) ?? 0) + cost > limit * ORGANIZATION_SHARE)
            throw unavailable('Too many requests of this organization are in progress. Try again in a moment.');
          charged = organization;
          addToOrganization(organization, cost);
        },
        release() {
          working -= cost;
          if (charged !== undefined) addToOrganization(charged, -cost);
        },
      };
    },
  };
}
