import { z } from 'zod';
import type { Permission } from '../../access/catalog.ts';
import { requireHeld } from '../../access/escalation.ts';
import { OWN_SERVICE, SERVICE_PERMISSIONS } from '../../access/ownership.ts';
import { matchingPermissions, validatePattern } from '../../access/pattern.ts';
import type { Context } from '../../context.ts';
import { invalid, type UserError, userError } from '../../lib/errors.ts';
import { ROLE_LIMITS } from '../../lib/limits.ts';
import { patternsOf, type Statement } from './table.ts';

const StatementInput = z
  .object({
    effect: z.enum(['ALLOW', 'DENY']),
    permissions: z.array(z.string().max(100)).min(1).max(ROLE_LIMITS.patternsPerStatement),
    ownedByPrincipal: z.boolean().nullish(),
  })
  .transform(({ ownedByPrincipal, ...statement }) => (ownedByPrincipal ? conditional(statement) : statement));

/** The stored form of a statement with the condition. See `Statement`. */
const conditional = ({ effect, permissions }: Statement): Statement => ({
  effect,
  permissions: effect === 'ALLOW' ? [] : permissions,
  ifOwned: permissions,
});

/** The statements of a policy, or of a role itself. */
export const Statements = z.array(StatementInput).max(ROLE_LIMITS.statementsPerPolicy);

/** The maximum number of errors that are reported for patterns. */
const MAX_REPORTED = 20;

export const countPatterns = (statements: readonly Statement[]): number =>
  statements.reduce((total, statement) => total + patternsOf(statement).length, 0);

/**
 * Throws unless every pattern matches a permission and the caller has all permissions that the statements grant. What they
 * grant only on services of their holder's teams, the caller must have on services of the caller's teams.
 */
export function checkStatements(
  ctx: Context,
  statements: readonly Statement[],
  projectId: string | null,
  subject: string,
): void {
  const complaints = complaintsAbout(statements);
  if (complaints.length > 0) throw invalid(...complaints);
  const { access } = ctx.unit;
  const allowed = statements.filter(({ effect }) => effect === 'ALLOW');
  requireHeld(access, permissionsIn(allowed.filter(({ ifOwned }) => !ifOwned)), projectId, subject);
  if (projectId !== null) return;
  const ifOwned = permissionsIn(allowed.filter((statement) => statement.ifOwned)).intersection(ON_SERVICES);
  requireHeld(access, ifOwned, OWN_SERVICE, subject);
}

const ON_SERVICES: ReadonlySet<Permission> = new Set(SERVICE_PERMISSIONS);

const permissionsIn = (statements: readonly Statement[]): Set<Permission> =>
  new Set([...new Set(statements.flatMap(patternsOf))].flatMap(matchingPermissions));

function complaintsAbout(statements: readonly Statement[]): UserError[] {
  const complaints: UserError[] = [];
  for (const [at, statement] of statements.entries())
    for (const [index, pattern] of patternsOf(statement).entries()) {
      const complaint = complaints.length < MAX_REPORTED ? complaintAbout(pattern, statement) : null;
      const path = ['statements', String(at), 'permissions', String(index)];
      if (complaint) complaints.push(userError('INVALID', path, complaint));
    }
  return complaints;
}

const complaintAbout = (pattern: string, { ifOwned }: Statement): string | null =>
  validatePattern(pattern) ??
  (ifOwned && !matchingPermissions(pattern).some((name) => ON_SERVICES.has(name))
    ? `${JSON.stringify(pattern)} matches no permission on services, so ownedByPrincipal has no effect. These are ${SERVICE_PERMISSIONS.join(', ')}.`
    : null);
