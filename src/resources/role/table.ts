import { boolean, foreignKey, index, jsonb, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, instant, organizationId } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import { organizations } from '../organization/table.ts';
import { policies, type Statement } from '../policy/table.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';

/** Custom roles, of the organization or of one project. Built-in ones are code (`access/roles.ts`). */
export const roles = pgTable(
  'roles',
  {
    organizationId: organizationId(),
    id: id(),
    projectId: uuid('project_id'),
    name: text('name').notNull(),
    description: text('description'),
    /** The statements of the role itself, beside those of its policies. */
    statements: jsonb('statements').$type<Statement[]>().notNull().default([]),
    createdAt: createdAt(),
  },
  (t) => [
    // A hand-written migration makes the name unique, case-insensitive, in the organization or project.
    primaryKey({ columns: [t.organizationId, t.id] }),
    index('roles_by_project').on(t.organizationId, t.projectId),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
    foreignKey({
      name: 'roles_project',
      columns: [t.organizationId, t.projectId],
      foreignColumns: [projects.organizationId, projects.id],
    }).onDelete('cascade'),
  ],
);

export const rolePolicies = pgTable(
  'role_policies',
  { organizationId: organizationId(), roleId: uuid('role_id').notNull(), policyId: uuid('policy_id').notNull() },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.roleId, t.policyId] }),
    index('role_policies_by_policy').on(t.organizationId, t.policyId),
    foreignKey({
      name: 'role_policies_role',
      columns: [t.organizationId, t.roleId],
      foreignColumns: [roles.organizationId, roles.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'role_policies_policy',
      columns: [t.organizationId, t.policyId],
      foreignColumns: [policies.organizationId, policies.id],
    }),
  ],
);

/**
 * Which role a principal has: one row without project for the organization, and at most one for each project, which
 * overrides the first inside it. A role is the id of a built-in one or of a row of `roles`. In a project, no role at all is
 * "no access". From `expires_at` on, the fallback replaces it.
 */
export const assignments = pgTable(
  'assignments',
  {
    organizationId: organizationId(),
    id: id(),
    principalId: uuid('principal_id').notNull(),
    projectId: uuid('project_id'),
    builtInRoleId: uuid('built_in_role_id'),
    roleId: uuid('role_id'),
    expiresAt: instant('expires_at'),
    fallbackBuiltInRoleId: uuid('fallback_built_in_role_id'),
    fallbackRoleId: uuid('fallback_role_id'),
    /** A project role without effect, because its principal was Owner or Admin of the organization after it was assigned. */
    inactive: boolean('inactive').notNull().default(false),
    /** The project role Owner of the creator of the project, which no plan suspends. */
    ofCreator: boolean('of_creator').notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    unique('assignments_place').on(t.organizationId, t.principalId, t.projectId).nullsNotDistinct(),
    index('assignments_by_role').on(t.organizationId, t.roleId),
    index('assignments_by_project').on(t.organizationId, t.projectId),
    foreignKey({
      name: 'assignments_principal',
      columns: [t.organizationId, t.principalId],
      foreignColumns: [principals.organizationId, principals.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'assignments_project',
      columns: [t.organizationId, t.projectId],
      foreignColumns: [projects.organizationId, projects.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'assignments_role',
      columns: [t.organizationId, t.roleId],
      foreignColumns: [roles.organizationId, roles.id],
    }),
    foreignKey({
      name: 'assignments_fallback_role',
      columns: [t.organizationId, t.fallbackRoleId],
      foreignColumns: [roles.organizationId, roles.id],
    }),
  ],
);

explainViolation('roles_name', userError('TAKEN', 'name', 'Another role has this name.'));
explainViolation(
  'assignments_place',
  userError('TAKEN', 'principalId', 'This principal already has a role in the project. Change that role instead.'),
);
