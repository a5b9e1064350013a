import type { IncomingMessage } from 'node:http';
import { unavailable } from '../errors.ts';

/** Bytes that a request in progress holds beside its body: headers, context, plan state, the wait for a connection. */
export const REQUEST_COST = 32_000;

/** A body is held as bytes, as text and as parsed values. */
const COPIES_OF_BODY = 3;

/** Of the limit, the part that bodies may hold while they arrive. */
const READING_SHARE = 0.25;

/** Of the limit, the part that requests of one organization may hold. */
const ORGANIZATION_SHARE = 0.5;

/** Requests in progress, and what they hold. */
export interface RequestMemory {
  /** Bytes held. */
  held(): number;
  /** Whether there is no room for one more request. */
  isFull(): boolean;
  /** The whole body, or why there is none. */
  readBody(req: IncomingMessage, max: number): Promise<Body>;
  /** Runs `work` and accounts for it until it ends. Null, without running it, when there is no room. */
  during<T>(bodyBytes: number, work: (claim: Claim) => Promise<T>): Promise<T> | null;
}

/** Accounts for a request in the name of its organization. Throws UNAVAILABLE when that holds too much already. */
export type Claim = (organization: string) => void;

/** `incomplete` when the client is gone, or when the memory for bodies ran out while this one arrived. */
export type Body = Buffer | 'too large' | 'incomplete';

interface Reading {
  bytes: number;
  giveUp: () => void;
}

/**
 * Bounds what requests in progress hold: many clients can wait at once, for the database or for each other. New
 * requests are refused at the limit. Of bodies that arrive slowly the oldest is refused, so that clients that never
 * finish sending cannot keep others from being served.
 */
export function createRequestMemory(limit: number): RequestMemory {
  let working = 0;
  let arrived = 0;
  const readings = new Set<Reading>();
  const byOrganization = new Map<string, number>();

  const charge = (organization: string, cost: number): void => {
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
        chunks.length = 0;
        resolve(body);
      };
      const reading: Reading = { bytes: 0, giveUp: () => settle('incomplete') };
      readings.add(reading);
      req.on('data', (chunk: Buffer) => {
        if (!readings.has(reading)) return;
        if (reading.bytes + chunk.length > max) return settle('too large');
        chunks.push(chunk);
        add(reading, chunk.length);
      });
      req.on('end', () => settle(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
      req.on('error', () => settle('incomplete'));
      return promise;
    },
    during: (bodyBytes, work) => {
      const cost = REQUEST_COST + COPIES_OF_BODY * bodyBytes;
      if (working + cost > limit) return null;
      working += cost;
      let claimant: string | undefined;
      const claim: Claim = (organization) => {
        if ((byOrganization.get(organization) ?? 0) + cost > limit * ORGANIZATION_SHARE)
          throw unavailable('Too many requests of this organization are in progress. Try again in a moment.');
        claimant = organization;
        charge(organization, cost);
      };
      return work(claim).finally(() => {
        working -= cost;
        if (claimant !== undefined) charge(claimant, -cost);
      });
    },
  };
}
