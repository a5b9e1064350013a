import { and, eq, sql } from 'drizzle-orm';
import { type Target, unrestricted } from '../../access/access.ts';
import { PERMISSIONS, type Permission } from '../../access/catalog.ts';
import { countDecision } from '../../access/counted.ts';
import { decide } from '../../access/decide.ts';
import type { EffectiveGrants } from '../../access/model.ts';
import { validatePattern } from '../../access/pattern.ts';
import { type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import type { RefusalReason } from '../../lib/errors.ts';
import { AmbitError, notFound } from '../../lib/errors.ts';
import { decodeId, fromPublicId } from '../../lib/ids.ts';
import { findGrants } from '../principal/access.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';
import { people } from '../user/table.ts';

export interface Question {
  permission: string;
  targetId?: string | null | undefined;
  principalId?: string | null | undefined;
  principalEmail?: string | null | undefined;
}

/** The key of a principal in a question: its ID or its address. Null for the caller. */
function principalIn({ principalId, principalEmail }: Pick<Question, 'principalId' | 'principalEmail'>): string | null {
  if (principalId != null && principalEmail != null)
    throw new AmbitError('BAD_REQUEST', 'Give `principalId` or `principalEmail`, not both.');
  return principalId ?? (principalEmail == null ? null : foldedAddress(principalEmail));
}

/** No ID contains an @, and every address does. */
const foldedAddress = (email: string): string => `@${email.trim().toLowerCase()}`;

export interface Answer {
  allowed: boolean;
  reason: RefusalReason | null;
}

/** The scopes of objects that were given as targets, by public ID. See `scopesOf`. */
export type Scopes = ReadonlyMap<string, Target>;

/** The maximum number of requests in one query. */
export const MAX_QUESTIONS = 1_000;

/**
 * Decisions in the order of the questions. Projects, principals and their grants are loaded in at most five statements,
 * whatever the number of questions. Questions about the caller's own access to the organization need no statement. `scopes`
 * has the scopes of other objects.
 */
export async function authorize(ctx: Context, questions: readonly Question[], scopes: Scopes): Promise<Answer[]> {
  if (questions.length > MAX_QUESTIONS)
    throw new AmbitError('BAD_REQUEST', `At most ${MAX_QUESTIONS} requests at once, not ${questions.length}.`);
  const targets = await findTargets(
    ctx,
    questions.flatMap(({ targetId }) => targetId ?? []),
  );
  const holders = await findHolders(
    ctx,
    questions.flatMap((question) => principalIn(question) ?? []),
  );
  return questions.map(({ permission, targetId, ...question }) => {
    if (!PERMISSIONS.has(permission)) return refused('UNKNOWN_PERMISSION');
    const principal = principalIn(question);
    const effective = principal === null ? ctx.unit.access.effective : holders.get(principal);
    if (effective === undefined) return refused('NO_SUCH_PRINCIPAL');
    const scope = targetId == null ? null : (targets.has(targetId) ? targets : scopes).get(targetId);
    if (scope === undefined) return refused('NO_SUCH_TARGET');
    const decision = decide(effective, permission as Permission, scope);
    countDecision(ctx.decisions, decision.allowed);
    return decision.allowed ? { allowed: true, reason: null } : refused(decision.reason);
  });
}

const refused = (reason: RefusalReason): Answer => ({ allowed: false, reason });

/** Scopes by public id: the organization, and the projects that the caller can read. Others do not exist. */
async function findTargets(ctx: Context, publicIds: string[]): Promise<Map<string, Target>> {
  const decoded = [...new Set(publicIds)].map((publicId) => ({ publicId, id: decodeId(publicId) }));
  const here = decoded.filter(({ id }) => id?.prefix === 'org' && id.uuid === ctx.unit.actor.organization?.id);
  const wanted = decoded.flatMap(({ id }) =>
    id?.prefix === 'prj' && ctx.unit.access.can('project:read', id.uuid) ? [id.uuid] : [],
  );
  const found =
    wanted.length === 0
      ? []
      : await (await db(ctx))
          .select({ id: projects.id })
          .from(projects)
          .where(and(eq(projects.organizationId, tenant(ctx)), isAnyOf(projects.id, wanted)));
  const known = new Set(found.map(({ id }) => id));
  return new Map<string, Target>([
    ...here.map(({ publicId }) => [publicId, null] as const),
    ...decoded.flatMap(({ publicId, id }) => (id && known.has(id.uuid) ? [[publicId, id.uuid] as const] : [])),
  ]);
}

/** Effective grants by public id, of a member, a service account or a user, or by the address of a member. */
async function findHolders(ctx: Context, keys: string[]): Promise<Map<string, EffectiveGrants>> {
  const asked = [...new Set(keys)];
  if (asked.length === 0) return new Map();
  const rows = await findPrincipals(ctx, asked);
  const grants = await findGrants(
    ctx,
    rows.map(({ id }) => id),
  );
  const byKey = new Map(
    rows.flatMap((row) =>
      [row.id, row.userId, row.email && foldedAddress(row.email)].map((key) => [key, row] as const),
    ),
  );
  return new Map(
    asked.flatMap((key) => {
      const isAddress = key.startsWith('@');
      const row = byKey.get(isAddress ? key : (decodeId(key)?.uuid ?? ''));
      const own = row && (isAddress || isNamed(key, row)) ? grants.get(row.id) : undefined;
      if (!row || !own) return [];
      const callers = row.id === ctx.unit.actor.principal?.id ? ctx.unit.access.effective : null;
      return [[key, callers ?? unrestricted(own)] as const];
    }),
  );
}

type Row = { id: string; userId: string | null; email?: string | null };

async function findPrincipals(ctx: Context, keys: string[]): Promise<Row[]> {
  const uuids = (prefix: string): string[] =>
    keys.flatMap((key) => {
      const id = decodeId(key);
      return id?.prefix === prefix ? [id.uuid] : [];
    });
  const addresses = keys.flatMap((key) => (key.startsWith('@') ? [key.slice(1)] : []));
  const [ids, userIds] = [[...uuids('mem'), ...uuids('sva')], uuids('usr')];
  const fields = { id: principals.id, userId: principals.userId };
  const own = eq(principals.organizationId, tenant(ctx));
  const tx = await db(ctx);
  return [
    ...(ids.length > 0
      ? await tx
          .select(fields)
          .from(principals)
          .where(and(own, isAnyOf(principals.id, ids)))
      : []),
    ...(userIds.length > 0
      ? await tx
          .select(fields)
          .from(principals)
          .where(and(own, isAnyOf(principals.userId, userIds)))
      : []),
    ...(addresses.length > 0
      ? await tx
          .select({ ...fields, email: people.email })
          .from(principals)
          .innerJoin(
            people,
            and(eq(people.organizationId, principals.organizationId), eq(people.id, principals.userId)),
          )
          .where(and(own, isAnyOf(sql<string>`lower(${people.email})`, addresses)))
      : []),
  ];
}

/** Whether the prefix of the public id is that of the kind of the principal. */
const isNamed = (publicId: string, row: Row): boolean => (row.userId === null) === publicId.startsWith('sva_');

/** Whether the public id is the id of the caller's principal or user. */
export function isCaller(ctx: Context, publicId: string): boolean {
  const { principal, user } = ctx.unit.actor;
  const id = decodeId(publicId);
  if (!principal || !id) return false;
  return id.prefix === 'usr'
    ? id.uuid === user?.id
    : id.uuid === principal.id && isNamed(publicId, { id: principal.id, userId: user?.id ?? null });
}

/** The scope with this public id. Defaults to the organization. */
export async function requireTarget(
  ctx: Context,
  publicId: string | null | undefined,
  scopes: Scopes,
): Promise<Target> {
  ctx.unit.access.requireOrganization();
  if (publicId == null) return null;
  const scope = scopes.has(publicId) ? scopes.get(publicId) : (await findTargets(ctx, [publicId])).get(publicId);
  if (scope === undefined) throw notFound(fromPublicId('prj', publicId) ? 'Project' : 'target');
  return scope;
}

/** Whether it is the address of the caller. */
export const isCallersEmail = (ctx: Context, email: string): boolean =>
  ctx.unit.actor.user !== null && foldedAddress(email) === foldedAddress(ctx.unit.actor.user.email);

/** The effective grants of a principal. Defaults to those of the caller. */
export async function requireHolder(
  ctx: Context,
  given: Pick<Question, 'principalId' | 'principalEmail'>,
): Promise<EffectiveGrants> {
  ctx.unit.access.requireOrganization();
  const key = principalIn(given);
  const effective = key === null ? ctx.unit.access.effective : (await findHolders(ctx, [key])).get(key);
  if (!effective) throw notFound('principal');
  return effective;
}

export function requirePermission(name: string): Permission {
  // A client can send a text of any length. The response must not grow with it.
  const complaint = PERMISSIONS.has(name)
    ? null
    : (validatePattern(name.slice(0, 100)) ?? `${JSON.stringify(name)} is a pattern.`);
  if (complaint) throw new AmbitError('BAD_REQUEST', `permission: ${complaint}`);
  return name as Permission;
}
