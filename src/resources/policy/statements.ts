import { z } from 'zod';
import { requireHeld } from '../../access/escalation.ts';
import { matchingPermissions, validatePattern } from '../../access/pattern.ts';
import type { Context } from '../../context.ts';
import { invalid, type UserError, userError } from '../../lib/errors.ts';
import { ROLE_LIMITS } from '../../lib/limits.ts';
import type { Statement } from './table.ts';

const StatementInput = z.object({
  effect: z.enum(['ALLOW', 'DENY']),
  permissions: z.array(z.string().max(100)).min(1).max(ROLE_LIMITS.patternsPerStatement),
});

/** The statements of a policy, or of a role itself. */
export const Statements = z.array(StatementInput).max(ROLE_LIMITS.statementsPerPolicy);

/** The maximum number of errors that are reported for patterns. */
const MAX_REPORTED = 20;

export const patternsOf = (statements: readonly Statement[]): number =>
  statements.reduce((total, { permissions }) => total + permissions.length, 0);

/** Throws unless every pattern matches a permission and the caller has all permissions that the statements grant. */
export function checkStatements(
  ctx: Context,
  statements: readonly Statement[],
  projectId: string | null,
  subject: string,
): void {
  const complaints = complaintsAbout(statements);
  if (complaints.length > 0) throw invalid(...complaints);
  const allowed = statements.filter(({ effect }) => effect === 'ALLOW').flatMap(({ permissions }) => permissions);
  requireHeld(ctx.unit.access, new Set([...new Set(allowed)].flatMap(matchingPermissions)), projectId, subject);
}

function complaintsAbout(statements: readonly Statement[]): UserError[] {
  const complaints: UserError[] = [];
  for (const [at, { permissions }] of statements.entries())
    for (const [index, pattern] of permissions.entries()) {
      const complaint = complaints.length < MAX_REPORTED ? validatePattern(pattern) : null;
      const path = ['statements', String(at), 'permissions', String(index)];
      if (complaint) complaints.push(userError('INVALID', path, complaint));
    }
  return complaints;
}
