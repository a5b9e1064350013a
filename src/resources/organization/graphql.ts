import { type Context, tenant } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { notFound } from '../../lib/errors.ts';
import { targetId } from '../../lib/input.ts';
import {
  createOrganization,
  deleteOrganization,
  findOrganization,
  type OrganizationRow,
  TOKEN_DAYS,
  updateOrganization,
} from './service.ts';

export const Organization = builder.objectRef<OrganizationRow>('Organization');

builder.node(Organization, {
  description: 'A tenant. Its members, projects and checks are not visible to other organizations.',
  permission: 'organization:read',
  id: { resolve: (organization) => organization.id },
  loadWithoutCache: (id, ctx) => findOrganization(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The display name of the organization.' }),
    slug: t.exposeString('slug', {
      description: 'The name of the organization in URLs. Unique in the instance.',
    }),
    apiTokenMaxDays: t.exposeInt('apiTokenMaxDays', {
      nullable: true,
      description:
        'The maximum lifetime of API tokens in days of 24 hours. It begins when a token is created, and again when a signed-in person who could create it rotates it. Null if there is none.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the organization was created.' }),
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

/** A mutation names its organization, and reaches only the organization that the credential is bound to. */
function requireBound(ctx: Context, id: string): void {
  if (targetId('org', id) !== tenant(ctx)) throw notFound('Organization');
}

const SLUG = '2 to 63 lower-case letters, digits and single hyphens. Unique in the instance.';
const BOUND = 'The ID of the organization. It must be the organization that the credential is bound to.';

mutation('createOrganization', {
  rateLimit: 'organizations',
  own: true,
  description:
    'Creates an organization with a default rubric. The caller becomes its Owner. The session stays bound to its organization; use `switchOrganization` to change that. On a server with `SIGN_UP=invited`, only accounts that the operator has allowed can create organizations.',
  input: (t) => ({
    name: t.string({ required: true, description: 'The display name, 1 to 100 characters.' }),
    slug: t.string({ required: true, description: `The name in URLs: ${SLUG}` }),
  }),
  results: { organization: { type: Organization, description: 'The new organization.' } },
  resolve: async (input, ctx) => ({ organization: await createOrganization(ctx, input) }),
});

mutation('updateOrganization', {
  permission: 'organization:update',
  description: 'Updates the organization. Omitted fields are unchanged.',
  input: (t) => ({
    id: t.id({ required: true, description: BOUND }),
    name: t.string({ description: 'The display name, 1 to 100 characters. Cannot be null.' }),
    slug: t.string({ description: `The name in URLs: ${SLUG} Cannot be null.` }),
    apiTokenMaxDays: t.int({
      description: `The maximum lifetime of API tokens in days, ${TOKEN_DAYS.min} to ${TOKEN_DAYS.max.toLocaleString('en')}. It also applies to existing tokens: older tokens are refused from the next request on. Null clears it: there is no maximum. An API token cannot raise or clear it, because it would extend its own lifetime.`,
    }),
  }),
  results: { organization: { type: Organization, description: 'The updated organization.' } },
  resolve: async ({ id, ...changes }, ctx) => {
    requireBound(ctx, id);
    return { organization: await updateOrganization(ctx, changes) };
  },
});

mutation('deleteOrganization', {
  permission: 'organization:delete',
  description:
    'Deletes the organization with everything in it, and ends every session and API token that is bound to it. This cannot be undone.',
  input: (t) => ({
    id: t.id({ required: true, description: BOUND }),
    slug: t.string({
      required: true,
      description: 'The slug of the organization, as a confirmation. Returns MISMATCH if it differs.',
    }),
  }),
  results: DELETED,
  resolve: async (input, ctx) => {
    requireBound(ctx, input.id);
    return { deletedId: await deleteOrganization(ctx, input) };
  },
});
