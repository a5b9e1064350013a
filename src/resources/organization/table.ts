import {
  bigint,
  type ExtraConfigColumn,
  foreignKey,
  integer,
  type PgColumnBuilderBase,
  type PgTableExtraConfigValue,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { createdAt, id, organizationId } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import type { Plan } from '../../lib/plans.ts';

/** The tenants. Row-level security compares `id`. `organizationSlugs` keeps the slug unique in the instance. */
export const organizations = pgTable('organizations', {
  id: uuid('id').primaryKey(),
  slug: text('slug').notNull(),
  name: text('name').notNull(),
  plan: text('plan').$type<Plan>().notNull(),
  /** The address for questions about billing. */
  billingEmail: text('billing_email'),
  /** Maximum lifetime of API tokens in days. Null if there is none. */
  apiTokenMaxDays: integer('api_token_max_days'),
  /** The version of the organization's access. Triggers increment it. Compiled grants are cached under it. */
  accessVersion: bigint('access_version', { mode: 'number' }).notNull().default(0),
  createdAt: createdAt(),
});

/**
 * A directory: it finds the organization of a slug, and keeps the slug unique in the instance. In a Citus cluster,
 * `organizations` is distributed by its ID, and a unique key of a distributed table must contain the distribution column.
 */
export const organizationSlugs = pgTable('organization_slugs', {
  slug: text('slug').primaryKey(),
  organizationId: organizationId().unique('organization_slugs_one'),
});

explainViolation('organization_slugs_pkey', userError('TAKEN', 'slug', 'Another organization has this slug.'));

/**
 * A table of rows that belong to an organization. Its primary key begins with the organization, and so must all its
 * unique and foreign keys, so that no key can refer to another organization and the table can be distributed. A generated
 * migration protects it with row-level security.
 */
export const tenantTable = <const Name extends string, Columns extends Record<string, PgColumnBuilderBase>>(
  name: Name,
  columns: Columns,
  constraints: (t: Record<keyof Columns | 'organizationId' | 'id', ExtraConfigColumn>) => PgTableExtraConfigValue[],
) =>
  pgTable(name, { organizationId: organizationId(), id: id(), ...columns }, (t) => [
    primaryKey({ columns: [t.organizationId, t.id] as never }),
    foreignKey({ columns: [t.organizationId] as never, foreignColumns: [organizations.id] as never }).onDelete(
      'cascade',
    ),
    ...constraints(t as never),
  ]);

/** The foreign key of a child table. Its rows are deleted with the object that they belong to. */
export const ofParent = (
  name: string,
  columns: readonly [ExtraConfigColumn, ExtraConfigColumn],
  parent: Record<'organizationId' | 'id', unknown>,
) =>
  foreignKey({
    name,
    columns: [...columns] as never,
    foreignColumns: [parent.organizationId, parent.id] as never,
  }).onDelete('cascade');
