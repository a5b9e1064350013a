import type { EventRefusal, EventRefusals } from '../../context.ts';
import { domainError } from '../../db/constraints.ts';
import type { Pool } from '../../db/pool.ts';
import { inTransaction } from '../../db/transaction.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { createDelayedWork } from '../../lib/delayed.ts';
import { AmbitError, type ErrorCode } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { describeError, type Log, throttled } from '../../lib/log.ts';
import { recordEvent } from '../audit-event/service.ts';

/** A refusal that the audit log of the organization counts. */
export class EventRefusedError extends AmbitError {
  readonly reason: EventRefusal['reason'];

  constructor(reason: EventRefusal['reason'], code: ErrorCode, message: string, http: object) {
    super(code, message, { http });
    this.reason = reason;
  }
}

/** Milliseconds between the first refusal and the write of the audit events. */
const WRITE_AFTER = 60_000;
/** Maximum number of audit events that are written at once. Further refusals are counted in the log only. */
const MAX_KINDS = 5_000;
const LOG_INTERVAL = 60_000;

interface Counted {
  readonly first: EventRefusal;
  readonly since: Date;
  count: number;
}

/**
 * Counts refused events by integration and reason. Writes one audit event for each with the number, because a sender that
 * repeats a refused event would otherwise fill the audit log.
 */
export function createEventRefusals(
  pool: Pool,
  clock: () => Date,
  log: Log,
  writeAfter: number = WRITE_AFTER,
): EventRefusals {
  const report = throttled(LOG_INTERVAL, log);
  let counted = new Map<string, Counted>();

  async function writeAll(): Promise<void> {
    const pending = counted;
    counted = new Map();
    for (const each of pending.values())
      await write(each).catch((error: unknown) =>
        report({ level: 'warn', message: 'refused events were not audited', error: describeError(domainError(error)) }),
      );
  }

  async function write({ first, since, count }: Counted): Promise<void> {
    const { organizationId, integrationId, requestId, address, reason } = first;
    const request = {
      dependencies: { clock },
      requestId,
      address,
      unit: { auditDraft: { targetId: toPublicId('int', integrationId) } },
    };
    const attempt = { action: 'receiveEvent', permission: null, outcome: 'REFUSED', reason, actor: ANONYMOUS } as const;
    const input = { count, since: since.toISOString() };
    await inTransaction(pool, { organizationId, userId: null }, (db) =>
      recordEvent(db, request, { ...attempt, organizationId, input }),
    );
  }

  const writing = createDelayedWork(writeAll, writeAfter);
  return {
    add(refusal) {
      const key = `${refusal.integrationId} ${refusal.reason}`;
      const known = counted.get(key);
      if (known) known.count += 1;
      else if (counted.size < MAX_KINDS) counted.set(key, { first: refusal, since: clock(), count: 1 });
      else report({ level: 'warn', message: 'refused events are not audited, because there are too many' });
      writing.schedule();
    },
    write: writing.run,
  };
}
