import { z } from 'zod';
import type { Role, RoleSummary } from '../../access/model.ts';
import { RESERVED_NAMES } from '../../access/roles.ts';
import { audit, type Context } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { lookalikes } from '../../lib/names.ts';
import { lockOrganization } from '../organization/service.ts';
import { requireRoomForRole } from '../policy/limits.ts';
import { holdersOf } from '../policy/service.ts';
import { checkStatements, Statements } from '../policy/statements.ts';
import { requireStill } from '../principal/access.ts';
import { type AccessChanged, changeAccessOfMany } from '../principal/change-access.ts';
import {
  addPolicies,
  checkDefinition,
  copyOf,
  type Definition,
  EMPTY,
  policiesFor,
  policyIdsOf,
  requireHeldRoleById,
  requireSmall,
  roleRows,
  setPolicies,
} from './definition.ts';
import type { roles } from './table.ts';

/** The maximum length of the input, repetitions included. The limit of policies is checked without them. */
const MAX_IDS = 200;

const Update = z.object({
  name: singleLine(100),
  description: multiLine(2000),
  statements: Statements.nullish(),
  policyIds: z.array(z.string()).max(MAX_IDS).nullish(),
});
const Create = Update.extend({ copyOf: z.string().nullish() });

const looksBuiltIn = lookalikes(RESERVED_NAMES);

const notReserved = (name: string | undefined): void => {
  if (name !== undefined && looksBuiltIn(name))
    throw invalid(userError('TAKEN', 'name', `name: ${name} is the name of a built-in role, or looks like one.`));
};

type RoleRow = typeof roles.$inferSelect;

/** The values of a role in the audit log. */
const snapshotOf = ({ id, projectId, name, description }: RoleRow, { statements, policyIds }: Definition) => ({
  id: toPublicId('rol', id),
  projectId: projectId && toPublicId('prj', projectId),
  name,
  description,
  statements,
  policyIds: policyIds.map((policyId) => toPublicId('pol', policyId)),
});

const SUBJECT = 'A role with these statements and policies';

export async function createRole(ctx: Context, projectId: string | null, input: unknown): Promise<Role> {
  ctx.unit.access.requireFeature('customRoles');
  const { policyIds, statements, copyOf: sourceId, ...given } = parse(Create, input);
  notReserved(given.name);
  checkStatements(ctx, statements ?? [], projectId, SUBJECT);
  // Locked before the policies, in the same order as in every change of access.
  await lockOrganization(ctx);
  await requireStill(ctx, 'role:create', projectId);
  await requireRoomForRole(ctx);
  const copied = sourceId == null ? EMPTY : await copyOf(ctx, sourceId, projectId);
  const definition = {
    statements: [...copied.statements, ...(statements ?? [])],
    policyIds: [...new Set([...copied.policyIds, ...(await policiesFor(ctx, policyIds ?? [], projectId))])],
  };
  checkDefinition(definition);
  const values = { ...given, projectId, statements: definition.statements, createdAt: ctx.dependencies.clock() };
  const row = await roleRows.insert(ctx, values);
  await addPolicies(ctx, row.id, definition.policyIds);
  await requireSmall(ctx, row.id);
  const role = await requireHeldRoleById(ctx, row.id, SUBJECT);
  audit(ctx, { after: snapshotOf(row, definition) });
  return role;
}

export async function updateRole(
  ctx: Context,
  role: RoleSummary,
  { dryRun, ...input }: { dryRun?: boolean | null | undefined },
): Promise<AccessChanged<Role>> {
  ctx.unit.access.requireFeature('customRoles');
  const changes = parse(Update.partial(), input);
  notReserved(changes.name);
  checkStatements(ctx, changes.statements ?? [], role.projectId, SUBJECT);
  return await changeAccessOfMany(ctx, {
    permission: 'role:update',
    target: role.projectId,
    affected: () => holdersOf(ctx, [role.id]),
    keepsAssignments: true,
    dryRun: dryRun ?? false,
    apply: () => write(ctx, role, changes),
  });
}

async function write(
  ctx: Context,
  role: RoleSummary,
  { policyIds, ...changes }: Partial<z.output<typeof Update>>,
): Promise<Role> {
  const locked = await roleRows.lock(ctx, role.id);
  await requireHeldRoleById(ctx, role.id, `Changing the role ${locked.name}`);
  const before = { statements: locked.statements, policyIds: await policyIdsOf(ctx, role.id) };
  // Null clears a list. Undefined leaves it unchanged.
  const next = {
    statements: changes.statements === undefined ? before.statements : (changes.statements ?? []),
    policyIds: policyIds === undefined ? before.policyIds : await policiesFor(ctx, policyIds ?? [], role.projectId),
  };
  const isRedefined = changes.statements !== undefined || policyIds !== undefined;
  if (isRedefined) checkDefinition(next);
  const after = await roleRows.update(ctx, locked, { ...changes, statements: next.statements });
  if (policyIds !== undefined) await setPolicies(ctx, role.id, next.policyIds);
  if (isRedefined) await requireSmall(ctx, role.id);
  audit(ctx, { before: snapshotOf(locked, before), after: snapshotOf(after, next) });
  return await requireHeldRoleById(ctx, role.id, SUBJECT);
}
