import { foreignKey, index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, organizationId } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import { organizations } from '../organization/table.ts';
import { projects } from '../project/table.ts';

export interface Statement {
  effect: 'ALLOW' | 'DENY';
  permissions: string[];
  /**
   * The patterns of a statement with the condition `ownedByPrincipal`. Releases without the condition apply `permissions`,
   * so these are then empty for ALLOW, and the same patterns for DENY.
   */
  ifOwned?: string[];
}

/** The patterns of a statement, with or without the condition. */
export const patternsOf = ({ permissions, ifOwned }: Statement): string[] => ifOwned ?? permissions;

/** Custom policies of the organization or of one project. */
export const policies = pgTable(
  'policies',
  {
    organizationId: organizationId(),
    id: id(),
    projectId: uuid('project_id'),
    name: text('name').notNull(),
    description: text('description'),
    statements: jsonb('statements').$type<Statement[]>().notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    // A hand-written migration makes the name unique, case-insensitive, in the organization or project.
    primaryKey({ columns: [t.organizationId, t.id] }),
    index('policies_by_project').on(t.organizationId, t.projectId),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
    foreignKey({
      name: 'policies_project',
      columns: [t.organizationId, t.projectId],
      foreignColumns: [projects.organizationId, projects.id],
    }).onDelete('cascade'),
  ],
);

explainViolation('policies_name', userError('TAKEN', 'name', 'Another policy has this name.'));
