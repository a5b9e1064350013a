import type { Permission } from '../../access/catalog.ts';
import { contains } from '../../access/escalation.ts';
import type { Role } from '../../access/model.ts';
import type { Context } from '../../context.ts';
import { builder, ID } from '../../graphql/builder.ts';
import { aboutOne, viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { RoleType } from '../role/ref.ts';
import { findRole } from '../role/service.ts';
import { findUserOfMember } from '../user/service.ts';
import { findAssignment, grantsOf, kindOf, type PrincipalRow } from './service.ts';

const ABOUT_MEMBER: readonly Permission[] = [
  'member:read',
  'member:update',
  'member:delete',
  'session:read',
  'session:delete',
];
const ABOUT_SERVICE_ACCOUNT = aboutOne('service_account');

/** The type follows from the row. */
export const Principal = builder.interfaceRef<PrincipalRow>('Principal').implement({
  description: 'A member or a service account: an object that can have roles.',
  resolveType: (principal) => (kindOf(principal) === 'member' ? 'Member' : 'ServiceAccount'),
  fields: (t) => ({
    id: t.globalID({
      description: ID,
      resolve: (row) => ({ id: row.id, type: kindOf(row) === 'member' ? 'Member' : 'ServiceAccount' }),
    }),
    name: t.string({
      description: 'The name of the person or of the service account.',
      resolve: async (row, _args, ctx) => row.name ?? (await findUserOfMember(ctx, row.id))?.user.name ?? '',
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The current organization role. Null if the role is not visible to the caller.',
      resolve: (row, _args, ctx) => roleOf(row, ctx),
    }),
    roleExpiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the organization role expires and `fallbackRole` replaces it. Null if it does not expire.',
      resolve: async (row, _args, ctx) => (await findAssignment(ctx, row.id))?.expiresAt ?? null,
    }),
    fallbackRole: t.field({
      type: RoleType,
      nullable: true,
      description:
        'The organization role from `roleExpiresAt` on. Null if the role does not expire or the fallback is not visible to the caller.',
      resolve: async (row, _args, ctx) => {
        const assignment = await findAssignment(ctx, row.id);
        const id = assignment?.fallbackBuiltInRoleId ?? assignment?.fallbackRoleId;
        return id ? await findRole(ctx, id) : null;
      },
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When the person joined the organization or the service account was created.',
    }),
    viewerPermissions: t.field({
      ...viewerPermissions<PrincipalRow>('member'),
      resolve: (row, _args, ctx) => mayDo(row, ctx, row.userId ? ABOUT_MEMBER : ABOUT_SERVICE_ACCOUNT),
    }),
  }),
});

async function roleOf(principal: PrincipalRow, ctx: Context): Promise<Role | null> {
  const role = (await grantsOf(ctx, principal.id))?.grants.role;
  const isOwn = principal.id === ctx.unit.actor.principal?.id;
  return role && (isOwn || ctx.unit.access.sees('role:read', role.projectId)) ? role : null;
}

/** A principal who holds more than the caller can be read, but not changed. */
async function mayDo(principal: PrincipalRow, ctx: Context, names: readonly Permission[]): Promise<Permission[]> {
  const held = await grantsOf(ctx, principal.id);
  const within = held ? contains(ctx.unit.access, held.grants) : true;
  return names.filter((name) => ctx.unit.access.can(name) && (within || name.endsWith(':read')));
}
