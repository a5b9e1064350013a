import type { AccessDelta } from '../access/change.ts';
import { type Context, collectAccessChanges } from '../context.ts';
import { builder } from './builder.ts';

export const AccessChange = builder.objectRef<AccessDelta>('AccessChange');

/** Describes an input field of every mutation that changes access. */
export const DRY_RUN =
  'If true, the mutation reports the effects in `accessChanges` and changes nothing. The other results are null. Defaults to false.';

/** A result of every mutation that changes access. */
export const ACCESS_CHANGES = {
  accessChanges: {
    type: [AccessChange] as [typeof AccessChange],
    description: 'The permissions that members and service accounts gain and lose. Null if there are errors.',
  },
};

/**
 * The same result of a mutation whose permission is not about access, such as `team:update`. Its callers may lack the permission
 * to see what roles grant, so the result requires it.
 */
export const VISIBLE_ACCESS_CHANGES = {
  accessChanges: {
    type: ACCESS_CHANGES.accessChanges.type,
    permission: 'role:read',
    description:
      'The permissions that members and service accounts gain and lose. Omits members and service accounts that are not visible to the caller. Null if there are errors.',
  },
} as const;

/** Runs a mutation with `VISIBLE_ACCESS_CHANGES`. A dry run has no other results. */
export async function runWithAccessChanges<Results extends object>(
  ctx: Context,
  dryRun: unknown,
  run: () => Promise<Results>,
) {
  collectAccessChanges(ctx, dryRun === true);
  const results = await run();
  return { ...(ctx.unit.dryRun ? null : results), accessChanges: ctx.unit.accessChanges };
}
