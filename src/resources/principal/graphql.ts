import type { Permission } from '../../access/catalog.ts';
import type { Role } from '../../access/model.ts';
import type { Context } from '../../context.ts';
import { builder, ID } from '../../graphql/builder.ts';
import type { Target } from '../../graphql/target.ts';
import { aboutOne, permissionsField } from '../../graphql/viewer-permissions.ts';
import { RoleType } from '../role/ref.ts';
import { findRole } from '../role/service.ts';
import { canReadRole } from './access.ts';
import {
  findAssignment,
  findByPublicId,
  findPrincipal,
  findReach,
  grantsOf,
  isSelf,
  kindOf,
  nameOf,
  type PrincipalRow,
  publicIdOfPrincipal,
} from './service.ts';
import { principals } from './table.ts';

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
      resolve: (row, _args, ctx) => nameOf(ctx, row),
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
      ...permissionsField('member'),
      resolve: (row, _args, ctx) => mayDo(row, ctx, row.userId ? ABOUT_MEMBER : ABOUT_SERVICE_ACCOUNT),
    }),
  }),
});

async function roleOf(principal: PrincipalRow, ctx: Context): Promise<Role | null> {
  const role = (await grantsOf(ctx, principal.id))?.grants.role;
  return role && (isSelf(principal, ctx) || canReadRole(ctx, role)) ? role : null;
}

const REMOVING: readonly Permission[] = ['member:delete', 'service_account:delete'];

/** A principal who holds more than the caller, or will after a role expires, can be read, but not changed. */
async function mayDo(principal: PrincipalRow, ctx: Context, names: readonly Permission[]): Promise<Permission[]> {
  const reach = await findReach(ctx, principal.id);
  const isInReach = (name: Permission): boolean =>
    name.endsWith(':read') || !reach || (REMOVING.includes(name) ? reach.removable : reach.changeable);
  return names.filter((name) => ctx.unit.access.can(name) && isInReach(name));
}

/** A member or a service account as the target of a reference, such as a member of a team. */
export const principalTarget: Target<PrincipalRow> = {
  name: 'Principal',
  type: Principal as never,
  prefix: 'mem',
  table: principals,
  permission: 'member:read',
  project: null,
  projectOf: () => null,
  isWholeTable: false,
  load: findPrincipal,
  loadByAlias: null,
  mixed: {
    visibleWith: ['member:read', 'service_account:read'],
    find: findByPublicId,
    publicIdOf: async (ctx, id) => {
      const row = await findPrincipal(ctx, id);
      return row ? publicIdOfPrincipal(row) : id;
    },
  },
};
