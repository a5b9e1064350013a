import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { findProject } from '../project/service.ts';
import { RoleType } from '../role/ref.ts';
import { findRole } from '../role/service.ts';
import {
  createInvitations,
  deleteInvitation,
  findInvitation,
  type InvitationRow,
  listInvitations,
  resendInvitation,
} from './service.ts';

const InvitationProjectRole = builder
  .objectRef<InvitationRow['projectRoles'][number]>('InvitationProjectRole')
  .implement({
    description: 'A project role that an invitation offers.',
    public: true,
    fields: (t) => ({
      project: t.field({
        type: Project,
        nullable: true,
        description: 'Where.',
        resolve: (own, _args, ctx) => findProject(ctx, own.projectId),
      }),
      role: t.field({
        type: RoleType,
        nullable: true,
        description: 'The role; null when it is gone, which makes the invitation void.',
        resolve: (own, _args, ctx) => findRole(ctx, own.roleId),
      }),
    }),
  });

const Invitation = builder.objectRef<InvitationRow>('Invitation');

builder.node(Invitation, {
  description:
    'An offer to join, which was sent to one address and can be accepted once, within 7 days. Accepted, declined and revoked ones are gone.',
  permission: 'invitation:read',
  id: { resolve: (row) => row.id },
  loadWithoutCache: (id, ctx) => findInvitation(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    email: t.exposeString('email', { description: 'The address that is invited; its case does not count.' }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The organization role that it offers; null when it is gone, which makes the invitation void.',
      resolve: (row, _args, ctx) => findRole(ctx, row.roleId),
    }),
    projectRoles: t.field({
      type: [InvitationProjectRole],
      description: 'The project roles that it offers, in the projects that the caller can read.',
      resolve: (row, _args, ctx) =>
        row.projectRoles.filter((own) => ctx.unit.access.can('project:read', own.projectId)),
    }),
    inviter: t.field({
      type: Principal,
      nullable: true,
      description: 'Who sent it last. What it grants is checked against them when it is accepted.',
      resolve: (row, _args, ctx) => findPrincipal(ctx, row.inviterId),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'From when on it cannot be accepted.' }),
    viewerPermissions: t.field(viewerPermissions<InvitationRow>('invitation')),
  }),
});

builder.queryField('invitations', (t) =>
  t.connection(
    {
      type: Invitation,
      nullable: true,
      permission: 'invitation:read',
      description: 'The invitations that wait for an answer or have expired unanswered, the newest first.',
      resolve: (_root, args, ctx) => listInvitations(ctx, args),
    },
    connectionOf(Invitation),
  ),
);

const ProjectRoleInput = builder.inputType('InvitationProjectRoleInput', {
  description: 'A project role to offer.',
  fields: (t) => ({
    projectId: t.id({ required: true, visibleWith: 'project:read', description: 'The project.' }),
    roleId: t.id({
      required: true,
      visibleWith: 'role:read',
      description: 'A built-in project role, or a custom one.',
    }),
  }),
});

const MAIL_SENT = {
  mailSent: {
    type: 'Boolean',
    description:
      'Whether the mail server took every message. When false the invitation stands all the same: `resendInvitation` tries again.',
  },
} as const;

mutation('createInvitation', {
  permission: 'invitation:create',
  description:
    'Invites people by e-mail, all of them or none: each message has a secret link that is valid for 7 days, once, and for its address alone. Nobody is invited as Owner, nor (NOT_HELD) with what the caller does not hold. PLAN_REQUIRED when there are not seats enough.',
  input: (t) => ({
    emails: t.stringList({
      required: true,
      description: 'The addresses, 1 to 50; TAKEN for one that is a member or invited already, in whichever case.',
    }),
    roleId: t.id({ required: true, visibleWith: 'role:read', description: 'The organization role that they get.' }),
    projectRoles: t.field({
      type: [ProjectRoleInput],
      description: 'Project roles that they get, at most 100, one in a project. Need the plan TEAM.',
    }),
  }),
  results: { invitations: { type: [Invitation], description: 'In the order of the addresses.' }, ...MAIL_SENT },
  resolve: async (input, ctx) => {
    const { result, mailSent } = await createInvitations(ctx, input);
    return { invitations: result, mailSent };
  },
});

mutation('resendInvitation', {
  permission: 'invitation:update',
  description:
    'Sends a new secret, valid for 7 days from now; the one before is dead. The caller vouches for it from then on, so it is refused (NOT_HELD) when it offers what they do not hold.',
  input: (t) => ({
    id: t.id({
      required: true,
      visibleWith: 'role:read',
      description: 'The invitation. The caller must be able to see the roles that it offers.',
    }),
  }),
  results: { invitation: { type: Invitation, description: 'The invitation as it is now.' }, ...MAIL_SENT },
  resolve: async (input, ctx) => {
    const { result, mailSent } = await resendInvitation(ctx, targetId('inv', input.id));
    return { invitation: result, mailSent };
  },
});

mutation('deleteInvitation', {
  permission: 'invitation:delete',
  description: 'Revokes an invitation: its secret is dead.',
  input: (t) => ({ id: t.id({ required: true, description: 'The invitation.' }) }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteInvitation(ctx, targetId('inv', input.id)) }),
});
