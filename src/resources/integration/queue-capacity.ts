import { LRUCache } from 'lru-cache';
import type { Db } from '../../db/client.ts';
import { countQueued } from './events.ts';
import { EVENT_LIMITS } from './limits.ts';
import { EventRefusedError } from './refusals.ts';

/** A number of events, and the bytes of their payloads. */
export interface EventAmount {
  readonly events: number;
  readonly bytes: number;
}

/** Limits the queued events of each organization. */
export interface QueueCapacity {
  /**
   * Throws UNAVAILABLE if the events would exceed the limits of the queue. Otherwise returns a function that counts them when
   * they are stored.
   */
  require(db: Db, organizationId: string, added: EventAmount): Promise<() => void>;
}

/** Milliseconds after which the queued events are counted again. In between, the events that this node has stored are added. */
const COUNTED_FOR = 1_000;
const MAX_COUNTED = 10_000;

const QUEUE_FULL = 'Too many events of the organization are not processed yet. Try again later.';
/** Seconds after which a client can try again. Many events are processed meanwhile. */
const RETRY_AFTER = 10;

interface Counted {
  events: number;
  bytes: number;
  readonly readAt: number;
}

export function createQueueCapacity(): QueueCapacity {
  const counts = new LRUCache<string, Counted>({ max: MAX_COUNTED });

  async function read(db: Db, organizationId: string): Promise<Counted> {
    const known = counts.get(organizationId);
    const now = performance.now();
    if (known && now - known.readAt <= COUNTED_FOR) return known;
    const counted = { ...(await countQueued(db, organizationId)), readAt: now };
    counts.set(organizationId, counted);
    return counted;
  }

  return {
    async require(db, organizationId, { events, bytes }) {
      const queued = await read(db, organizationId);
      if (queued.events + events > EVENT_LIMITS.queued || queued.bytes + bytes > EVENT_LIMITS.queuedBytes)
        throw queueFull();
      return () => {
        queued.events += events;
        queued.bytes += bytes;
      };
    },
  };
}

const queueFull = (): EventRefusedError => {
  const http = { status: 503, headers: { 'retry-after': String(RETRY_AFTER) } };
  return new EventRefusedError('QUEUE_FULL', 'UNAVAILABLE', QUEUE_FULL, http);
};
