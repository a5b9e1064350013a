import type { Permission } from '../../access/catalog.ts';
import { contains } from '../../access/escalation.ts';
import type { Role } from '../../access/model.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { findAssignment, grantsOf, kindOf, type PrincipalRow } from './service.ts';

/** Rows of both kinds; the type follows from the row. */
export const Principal = builder.interfaceRef<PrincipalRow>('Principal').implement({
  description: 'Who can hold roles: a member or a service account.',
  resolveType: (principal) => (kindOf(principal) === 'member' ? 'Member' : 'ServiceAccount'),
  fields: (t) => ({
    id: t.globalID({
      description: 'Names this object everywhere.',
      resolve: (row) => ({ id: row.id, type: kindOf(row) === 'member' ? 'Member' : 'ServiceAccount' }),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they joined, or it was made.' }),
    roleExpiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the organization role ends and the one that was named with it follows; null when it does not end.',
      resolve: async (row, _args, ctx) => (await findAssignment(ctx, row.id))?.expiresAt ?? null,
    }),
  }),
});

/** The current organization role. */
export async function roleOf(principal: PrincipalRow, ctx: Context): Promise<Role | null> {
  const role = (await grantsOf(ctx, principal.id))?.grants.role;
  return role && ctx.unit.access.sees('role:read', role.projectId) ? role : null;
}

/** Nobody acts on a principal that holds more than they do. Reading is not limited. */
export async function mayDo(
  principal: PrincipalRow,
  ctx: Context,
  names: readonly Permission[],
): Promise<Permission[]> {
  const found = await grantsOf(ctx, principal.id);
  const within = found ? contains(ctx.unit.access, found.grants) : true;
  return names.filter((name) => ctx.unit.access.can(name) && (within || name.endsWith(':read')));
}
