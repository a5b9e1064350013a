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

/** Maximum number of errors about patterns. The suggestions of each error take 2 ms. */
const MAX_REPORTED = 20;

const listOf = <Item extends z.ZodType>(item: Item, max: number) =>
  z.array(item).min(1, 'must not be empty; use null for no limit').max(max, { abort: true });

/** Removes repeated items. Null means no limit. */
const set = <Items extends z.ZodType<string[]>>(items: Items) => items.transform((all) => [...new Set(all)]).nullish();

/** Patterns of permissions. Each matches at least one permission. */
export const patternList = set(
  listOf(z.string().max(100, { abort: true }), LIMIT_ITEMS.permissions).superRefine((patterns, ctx) => {
    let reported = 0;
    for (const [at, pattern] of patterns.entries()) {
      const complaint = reported < MAX_REPORTED ? validatePattern(pattern) : null;
      if (!complaint) continue;
      ctx.addIssue({ code: 'custom', message: complaint.replace(/\.$/, ''), path: [at] });
      reported += 1;
    }
  }),
);

/** The networks from which a credential can be used. */
export const addressList = set(
  listOf(
    z.string().max(64, { abort: true }).refine(isNetwork, 'must be an IP address, or a network such as 10.0.0.0/8'),
    LIMIT_ITEMS.addresses,
  ),
);

export const projectList = set(listOf(idOf('prj'), LIMIT_ITEMS.projectIds));

/** The limits of an API token, apart from its access and its expiry. Null means no limit. */
export interface TokenLimits {
  permissions: string[] | null;
  projectIds: string[] | null;
  addresses: string[] | null;
}

type Given = { [Name in keyof TokenLimits]?: TokenLimits[Name] | undefined };

/** Whether an item is in the limits of a credential. */
const IS_WITHIN: { [Name in keyof TokenLimits]: (item: string, own: readonly string[]) => boolean } = {
  permissions: (pattern, own) => own.some((wider) => isCoveredBy(pattern, wider)),
  projectIds: (id, own) => own.includes(id),
  addresses: isWithinNetworks,
};
const LIMITS = Object.keys(IS_WITHIN) as (keyof TokenLimits)[];

/**
 * The limits of a token that is created with the credential. A limit that is not given is that of the credential. A given
 * limit must not exceed it. Throws INVALID otherwise.
 */
export function limitsWithin(credential: Credential | null, given: Given): TokenLimits {
  const limits: TokenLimits = { permissions: null, projectIds: null, addresses: null };
  for (const name of LIMITS) {
    const own = credential?.[name];
    const errors = own ? exceedingItems(name, given[name] ?? [], own) : [];
    if (errors.length > 0) throw invalid(...errors);
    limits[name] = given[name] ?? (own ? [...own] : null);
  }
  return limits;
}

const exceedingItems = (name: keyof TokenLimits, given: readonly string[], own: readonly string[]): UserError[] =>
  given.flatMap((item, at) =>
    IS_WITHIN[name](item, own)
      ? []
      : [itemError('INVALID', name, at, 'exceeds the limits of the API token or API key of this request')],
  );

/** Whether a token is limited at least as much as the credential. */
export const isWithinLimits = (credential: Credential | null, token: TokenLimits): boolean =>
  LIMITS.every((name) => {
    const own = credential?.[name];
    return !own || token[name]?.every((item) => IS_WITHIN[name](item, own)) === true;
  });

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
