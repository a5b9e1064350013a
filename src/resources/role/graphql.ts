import type { Role } from '../../access/roles.ts';
import { builder } from '../../builder.ts';
import { arrayPage } from '../../db/page.ts';
import { viewerPermissions } from '../../viewer-permissions.ts';

export const RoleType = builder.objectRef<Role>('Role');

builder.node(RoleType, {
  description: 'What a member may do. Built-in roles are the same in every organization and cannot be changed.',
  permission: 'role:read',
  id: { resolve: (role) => role.id },
  loadWithoutCache: (id, ctx) => ctx.access.findRole(id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    description: t.exposeString('description', { description: 'Whom it is for.' }),
    builtIn: t.boolean({ description: 'Whether it is part of Ambit.', resolve: () => true }),
    permissions: t.field({
      type: ['Permission'],
      description: 'Everything that it grants.',
      resolve: (role) => [...role.permissions],
    }),
    viewerPermissions: t.field({
      ...viewerPermissions<Role>('role'),
      // Nobody changes or deletes a built-in role, whatever they hold, nor gives one that grants what they do not.
      resolve: (role, _args, ctx) =>
        (['role:read', 'role:assign'] as const).filter(
          (name) => ctx.access.can(name) && (name === 'role:read' || ctx.access.holdsAll(role)),
        ),
    }),
  }),
});

builder.queryField('roles', (t) =>
  t.connection({
    type: RoleType,
    nullable: true,
    permission: 'role:read',
    description: 'The roles of the organization, the most powerful first.',
    resolve: (_root, args, ctx) => arrayPage(ctx.access.roles, args),
  }),
);
