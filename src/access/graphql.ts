import { builder } from '../builder.ts';
import { BUILT_IN_ROLES, PERMISSIONS, type PermissionDefinition } from './catalog.ts';

const PermissionLevel = builder.enumType('PermissionLevel', {
  description: 'Where a permission is asked.',
  values: {
    ORGANIZATION: { value: 'organization', description: 'On the organization.' },
    PROJECT: { value: 'project', description: 'On a project.' },
    BOTH: { value: 'both', description: 'On the organization or on a project.' },
  } as const,
});

const BuiltInRoleEnum = builder.enumType('BuiltInRole', {
  description: 'The roles that every organization has. Each contains the one before it.',
  values: Object.fromEntries(
    BUILT_IN_ROLES.map((role) => [role.toUpperCase(), { value: role, description: `The role ${role}.` }]),
  ) as Record<string, { value: (typeof BUILT_IN_ROLES)[number]; description: string }>,
});

const PermissionDefinitionType = builder.objectRef<PermissionDefinition>('PermissionDefinition').implement({
  description: 'A row of the permission catalog.',
  public: true,
  fields: (t) => ({
    name: t.field({ type: 'Permission', description: 'Its name.', resolve: (row) => row.name }),
    level: t.field({ type: PermissionLevel, description: 'Where it is asked.', resolve: (row) => row.level }),
    description: t.exposeString('description', { description: 'What it allows.' }),
    builtInRoles: t.field({
      type: [BuiltInRoleEnum],
      description: 'The built-in organization roles that have it, the least first.',
      resolve: (row) => row.builtInRoles,
    }),
  }),
});

builder.queryField('permissions', (t) =>
  t.field({
    type: [PermissionDefinitionType],
    public: true,
    description: 'The permission catalog: everything that a guard can ask for. The same for every caller.',
    resolve: () => [...PERMISSIONS.values()],
  }),
);
