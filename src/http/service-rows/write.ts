import type { Context } from '../../context.ts';
import type { AnyRow, Resource } from '../../graphql/resource-model.ts';
import type { createAll, Given } from '../../graphql/resource-write.ts';
import type { UserError } from '../../lib/errors.ts';
import type { AuditedChange } from '../../resources/audit-event/table.ts';
import { Service } from '../../resources/service/resource.ts';

export const Services = Service as unknown as Resource;

/** A dependency on a service that a later row may create. */
export interface OpenDependency {
  readonly line: number;
  readonly serviceId: string;
  readonly name: string;
}

export interface RowError {
  readonly line: number;
  readonly errors: readonly UserError[];
}

export interface BatchResult {
  created: number;
  updated: number;
  failed: RowError[];
  open: OpenDependency[];
}

/** Creates or updates services, and keeps their changes for the audit log. Returns them by the index of their row. */
export async function write(
  ctx: Context,
  all: typeof createAll,
  given: readonly Given[],
  changes: AuditedChange[],
): Promise<Map<number, AnyRow>> {
  if (given.length === 0) return new Map();
  const rows = await all(ctx, Services, given);
  const { targetId, before, after, related = [] } = ctx.unit.auditDraft;
  changes.push({ targetId: targetId ?? '', before, after }, ...related);
  return new Map(rows.map((row, at) => [Number(given[at]?.path[0]), row]));
}
