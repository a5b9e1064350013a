import { AccessChange } from '../../graphql/access-changes.ts';
import { toPublicId } from '../../lib/ids.ts';
import { Project } from '../project/ref.ts';
import { findProject } from '../project/service.ts';
import { Principal } from './graphql.ts';
import { findPrincipal } from './service.ts';

AccessChange.implement({
  description:
    'The permissions that one member or service account gains and loses in one scope: the organization, a project, the services of some teams, or services whose owner changes.',
  public: true,
  fields: (t) => ({
    principal: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account whose access changes. Null if it is deleted, does not exist yet, or is not visible to the caller.',
      // A dry run of `acceptInvitation` can be made by a caller without an organization.
      resolve: (delta, _args, ctx) => (ctx.unit.binding.organizationId ? findPrincipal(ctx, delta.principalId) : null),
    }),
    project: t.field({
      type: Project,
      nullable: true,
      description:
        'The project in which the access changes. Null for the organization, which includes every project that is not listed for this principal. Null for services. In such a project, permissions on roles and policies also require `project:read`. Also null for a project that does not exist any more or is not visible to the caller.',
      resolve: (delta, _args, ctx) => (delta.projectId ? findProject(ctx, delta.projectId) : null),
    }),
    teamIds: t.idList({
      nullable: true,
      permission: 'team:read',
      description:
        'The IDs of the teams on whose services the access changes, if the change differs from that in the organization. Null for the organization, for a project, and for services whose owner changes.',
      resolve: (delta) => delta.teamIds?.map((id) => toPublicId('tea', id)) ?? null,
    }),
    gained: t.field({
      type: ['Permission'],
      description: 'The permissions that are added.',
      resolve: (delta) => delta.gained,
    }),
    lost: t.field({
      type: ['Permission'],
      description: 'The permissions that are removed.',
      resolve: (delta) => delta.lost,
    }),
  }),
});
