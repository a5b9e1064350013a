import { BUILT_IN_ROLES, PERMISSIONS, type PermissionDefinition, PROJECT_ROLES } from '../../access/catalog.ts';
import { endpointsWith } from '../../access/endpoints.ts';
import type { Role } from '../../access/model.ts';
import { ROLES } from '../../access/roles.ts';
import { builder } from '../../graphql/builder.ts';
import { usesIn } from '../../graphql/permission-uses.ts';

const PermissionLevel = builder.enumType('PermissionLevel', {
  description: 'What a permission is checked on.',
  values: {
    ORGANIZATION: { value: 'organization', description: 'The organization.' },
    PROJECT: { value: 'project', description: 'A project.' },
    BOTH: { value: 'both', description: 'The organization or a project.' },
  } as const,
});

const roleEnum = <Key extends string>(name: string, scope: Role['scope'], description: string, keys: readonly Key[]) =>
  builder.enumType(name, {
    description,
    values: Object.fromEntries(
      keys.map((key) => [
        key.toUpperCase(),
        { value: key, description: ROLES.find((role) => role.scope === scope && role.builtIn === key)?.description },
      ]),
    ) as Record<string, { value: Key; description: string }>,
  });

const BuiltInRoleEnum = roleEnum(
  'BuiltInRole',
  'organization',
  'The built-in organization roles, the least powerful first. Each contains the one before it.',
  BUILT_IN_ROLES,
);
const ProjectRoleEnum = roleEnum(
  'BuiltInProjectRole',
  'project',
  'The built-in project roles, the least powerful first. Owner contains Manager, Manager contains Member, and Member contains Read. Write contains Read and grants what the organization role Write grants in a project.',
  PROJECT_ROLES,
);

const PermissionDefinitionType = builder.objectRef<PermissionDefinition>('PermissionDefinition').implement({
  description: 'A permission and the built-in roles that grant it.',
  public: true,
  fields: (t) => ({
    name: t.field({ type: 'Permission', description: 'The name of the permission.', resolve: (row) => row.name }),
    level: t.field({
      type: PermissionLevel,
      description: 'What the permission is checked on.',
      resolve: (row) => row.level,
    }),
    description: t.exposeString('description', { description: 'What the permission allows.' }),
    builtInRoles: t.field({
      type: [BuiltInRoleEnum],
      description: 'The built-in organization roles that grant the permission, the least powerful first.',
      resolve: (row) => row.builtInRoles,
    }),
    projectRoles: t.field({
      type: [ProjectRoleEnum],
      description:
        'The built-in project roles that grant the permission, the least powerful first. Empty if no project role grants it.',
      resolve: (row) => row.projectRoles,
    }),
    fields: t.stringList({
      complexity: { field: 10 },
      description:
        'The elements of this schema that require the permission, as schema coordinates: fields such as `Mutation.updateCheck`, arguments such as `Query.roles(projectId:)`, input fields, enum values, and object types. Empty if the schema does not use the permission: it can be part of policies, and `authorize` answers for it.',
      resolve: (row, _args, _ctx, info) => [...(usesIn(info.schema).get(row.name) ?? [])],
    }),
    endpoints: t.stringList({
      description: 'The HTTP endpoints that require the permission, such as `GET /path`. Usually empty.',
      resolve: (row) => endpointsWith(row.name),
    }),
  }),
});

builder.queryField('permissions', (t) =>
  t.field({
    type: [PermissionDefinitionType],
    public: true,
    description: 'All permissions that exist. The result is the same for every caller.',
    complexity: { field: 1, multiplier: PERMISSIONS.size },
    resolve: () => [...PERMISSIONS.values()],
  }),
);
