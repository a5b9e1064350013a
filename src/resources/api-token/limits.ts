import { z } from 'zod';
import { isCoveredBy, validatePattern } from '../../access/pattern.ts';
import type { Context } from '../../context.ts';
import type { Credential } from '../../identity/actor.ts';
import { invalid, type UserError, type UserErrorCode, userError } from '../../lib/errors.ts';
import { idOf } from '../../lib/input.ts';
import { isNetwork, isWithinNetworks } from '../../lib/network.ts';
import { findProject } from '../project/service.ts';

/** The maximum number of items in each list that limits an API token or an API key. */
export const LIMIT_ITEMS = { permissions: 200, projectIds: 100, addresses: 50 } as const;

const pattern = z
  .string()
  .max(100)
  .superRefine((text, ctx) => {
    const complaint = validatePattern(text);
    if (complaint) ctx.addIssue({ code: 'custom', message: complaint.replace(/\.$/, '') });
  });

const listOf = <Item extends z.ZodType>(item: Item, max: number) =>
  z
    .array(item)
    .min(1, 'must not be empty; use null for no limit')
    .max(max)
    .transform((items) => [...new Set(items)])
    .nullish();

/** Patterns of permissions. Each matches at least one permission. */
export const patternList = listOf(pattern, LIMIT_ITEMS.permissions);

/** The networks from which a credential can be used. */
export const addressList = listOf(
  z.string().max(64).refine(isNetwork, 'must be an IP address, or a network such as 10.0.0.0/8'),
  LIMIT_ITEMS.addresses,
);

export const projectList = listOf(idOf('prj'), LIMIT_ITEMS.projectIds);

/** What limits an API token, besides its access and its expiry. Null for no limit. */
export interface TokenLimits {
  permissions: string[] | null;
  projectIds: string[] | null;
  addresses: string[] | null;
}

type Given = { [Name in keyof TokenLimits]?: TokenLimits[Name] | undefined };

/**
 * The limits of a token that the credential creates. Those that are not given are taken from the credential. Those that
 * are given must not exceed them.
 */
export function limitsWithin(credential: Credential | null, given: Given): TokenLimits {
  const { permissions = null, projectIds = null, addresses = null } = credential ?? {};
  return {
    permissions: within('permissions', given.permissions, permissions, (item, all) =>
      all.some((wider) => isCoveredBy(item, wider)),
    ),
    projectIds: within('projectIds', given.projectIds, projectIds, (item, all) => all.includes(item)),
    addresses: within('addresses', given.addresses, addresses, isWithinNetworks),
  };
}

function within(
  field: keyof TokenLimits,
  given: string[] | null | undefined,
  own: readonly string[] | null,
  isWithin: (item: string, own: readonly string[]) => boolean,
): string[] | null {
  if (!own) return given ?? null;
  const errors = (given ?? []).flatMap((item, at) => (isWithin(item, own) ? [] : [exceeds(field, at)]));
  if (errors.length > 0) throw invalid(...errors);
  return given ?? [...own];
}

const exceeds = (field: keyof TokenLimits, at: number): UserError =>
  itemError('INVALID', field, at, 'exceeds the limits of the API token of this request');

const itemError = (code: UserErrorCode, field: keyof TokenLimits, at: number, message: string): UserError =>
  userError(code, [field, String(at)], `${field}.${at}: ${message}.`);

/** Throws NOT_FOUND for each project that the caller cannot read. */
export async function requireVisibleProjects(ctx: Context, ids: readonly string[]): Promise<void> {
  const found = await Promise.all(ids.map((id) => findProject(ctx, id)));
  const errors = found.flatMap((project, at) =>
    project ? [] : [itemError('NOT_FOUND', 'projectIds', at, 'there is no Project with this ID')],
  );
  if (errors.length > 0) throw invalid(...errors);
}
