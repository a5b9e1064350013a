import { z } from 'zod';
import type { Context } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { evaluateServices } from '../evaluation/evaluate.ts';
import type { ServiceRow } from './service.ts';
import { services } from './table.ts';

const rows = rowsOf(services, 'svc', { ownerId: 'tea', tierId: 'tie', lifecycleId: 'lif', levelId: 'lvl' });

const deploy = z.object({
  deployedAt: z.date().nullish(),
  version: singleLine(200).nullish(),
  description: multiLine(2_000),
});

/** Clocks of the machines that deploy differ a little from that of the server. */
const TOLERANCE_MS = 60_000;

/** Records a deploy of a service whose row is locked. */
export async function recordDeploy(ctx: Context, before: ServiceRow, input: object): Promise<ServiceRow> {
  const { deployedAt, version, description } = parse(deploy, input);
  const now = ctx.dependencies.clock();
  const at = deployedAt ?? now;
  requireNotFuture(at, now);
  const isEarlier = before.lastDeployAt !== null && at < before.lastDeployAt;
  const changes = {
    lastDeployAt: at,
    lastDeployVersion: version ?? null,
    lastDeployDescription: description ?? null,
    updatedAt: now,
  };
  const after = await rows.update(ctx, before, isEarlier ? {} : changes);
  if (isEarlier) return after;
  await evaluateServices(ctx, [after.id]);
  const [current] = await rows.lockAll(ctx, [after.id]);
  return current ?? after;
}

/** Throws if a deploy is in the future. */
export function requireNotFuture(at: Date, now: Date): void {
  if (at.getTime() > now.getTime() + TOLERANCE_MS)
    throw invalid(userError('INVALID', 'deployedAt', 'deployedAt: must not be in the future.'));
}
