import { type Context, tenant } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { notFound } from '../../lib/errors.ts';
import { targetId } from '../../lib/input.ts';
import { deleteOrganization, findOrganization, type OrganizationRow, updateOrganization } from './service.ts';

export const Organization = builder.objectRef<OrganizationRow>('Organization');

builder.node(Organization, {
  description: 'A tenant: its members, rubric and checks are seen by nobody else.',
  permission: 'organization:read',
  id: { resolve: (organization) => organization.id },
  loadWithoutCache: (id, ctx) => findOrganization(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, for people.' }),
    slug: t.exposeString('slug', { description: 'Its name in addresses; unique in the instance.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    viewerPermissions: t.field(viewerPermissions<OrganizationRow>('organization')),
  }),
});

builder.queryField('organization', (t) =>
  t.field({
    type: Organization,
    nullable: true,
    permission: 'organization:read',
    description: 'The organization that the credential is bound to.',
    resolve: (_root, _args, ctx) => findOrganization(ctx, tenant(ctx)),
  }),
);

/** A mutation names its organization, and reaches only the one that it is bound to. */
function requireBound(ctx: Context, id: string): void {
  if (targetId('org', id) !== tenant(ctx)) throw notFound('Organization');
}

mutation('updateOrganization', {
  permission: 'organization:update',
  description: 'Renames the organization. What is omitted stays as it is.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The organization that the credential is bound to.' }),
    name: t.string({ description: 'Its name, 1 to 100 characters. Cannot be cleared.' }),
    slug: t.string({
      description: 'Its name in addresses: 2 to 63 lower-case letters, digits and single hyphens. Cannot be cleared.',
    }),
  }),
  results: { organization: { type: Organization, description: 'The organization as it is now.' } },
  resolve: async ({ id, ...changes }, ctx) => {
    requireBound(ctx, id);
    return { organization: await updateOrganization(ctx, changes) };
  },
});

mutation('deleteOrganization', {
  permission: 'organization:delete',
  description:
    'Deletes the organization with everything inside, and ends every session and token bound to it. Cannot be undone.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The organization that the credential is bound to.' }),
    slug: t.string({ required: true, description: 'Its slug once more, to make sure.' }),
  }),
  results: DELETED,
  resolve: async (input, ctx) => {
    requireBound(ctx, input.id);
    return { deletedId: await deleteOrganization(ctx, input) };
  },
});
