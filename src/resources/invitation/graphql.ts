import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId } from '../../graphql/find-by.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { costOfList, searchDescription } from '../../graphql/search.ts';
import { permissionsField } from '../../graphql/viewer-permissions.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { targetId } from '../../lib/input.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, isVisible } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { findProject } from '../project/service.ts';
import { RoleType } from '../role/ref.ts';
import { findRole } from '../role/service.ts';
import { mayResend } from './offer.ts';
import { ACTIONS, permissionsOnInvitation } from './permissions.ts';
import {
  createInvitations,
  deleteInvitation,
  findInvitation,
  type InvitationRow,
  listInvitations,
  listInvitationsOf,
  resendInvitation,
} from './service.ts';

const InvitationProjectRole = builder
  .objectRef<InvitationRow['projectRoles'][number]>('InvitationProjectRole')
  .implement({
    description: 'A project role that an invitation includes.',
    public: true,
    fields: (t) => ({
      project: t.field({
        type: Project,
        nullable: true,
        description: 'The project. Null if it is deleted, which makes the invitation invalid.',
        resolve: (own, _args, ctx) => findProject(ctx, own.projectId),
      }),
      role: t.field({
        type: RoleType,
        nullable: true,
        description:
          'The role. Null if it is deleted, which makes the invitation invalid, or if it is not visible to the caller.',
        resolve: (own, _args, ctx) => findRole(ctx, own.roleId),
      }),
    }),
  });

const Invitation = builder.objectRef<InvitationRow>('Invitation');

const InvitationMailStatus = builder.enumType('InvitationMailStatus', {
  description: 'Whether the mail server has accepted the mail of an invitation. The invitation is valid in any case.',
  values: {
    QUEUED: {
      description: 'Not sent yet. If the mail server is unavailable, sending is retried for about a day.',
    },
    SENT: { description: 'The mail server has accepted it. Without `SMTP_URL`, it was written to the log.' },
    FAILED: {
      description:
        'The mail server has refused the address, or was unavailable for about a day. `resendInvitation` sends a new mail.',
    },
  } as const,
});

builder.node(Invitation, {
  description:
    'An invitation to join the organization, sent to one e-mail address. It can be accepted once, within 7 days. It is deleted when it is accepted, declined or revoked. It is also visible to callers with `project_member:read` in a project that it includes.',
  permission: 'invitation:read',
  inProjects: {
    permission: 'project_member:read',
    of: (row) => row.projectRoles.map(({ projectId }) => projectId),
  },
  id: { resolve: (row) => row.id },
  loadWithoutCache: (id, ctx) => findInvitation(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    email: t.exposeString('email', { description: 'The invited e-mail address. Case-insensitive.' }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description:
        'The organization role. Guest for an invitation to projects only. Null if it was deleted, which makes the invitation invalid. Also null if it is not visible to the caller, which requires `invitation:read`.',
      resolve: (row, _args, ctx) => (ctx.unit.access.can('invitation:read') ? findRole(ctx, row.roleId) : null),
    }),
    projectRoles: t.field({
      type: [InvitationProjectRole],
      description:
        'The project roles, without those in projects that are not visible to the caller. Without `invitation:read`, only those in projects where the caller has `project_member:read`.',
      resolve: (row, _args, { unit: { access } }) => {
        const needed = access.can('invitation:read') ? 'project:read' : 'project_member:read';
        return row.projectRoles.filter(({ projectId }) => access.can(needed, projectId));
      },
    }),
    inviter: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account that last sent the invitation. It must still have all permissions of the invitation when the invitation is accepted. Null if it is deleted or not visible to the caller.',
      resolve: async (row, _args, ctx) => {
        const inviter = await findPrincipal(ctx, row.inviterId);
        return inviter && isVisible(ctx, inviter) ? inviter : null;
      },
    }),
    mailStatus: t.expose('mailStatus', {
      type: InvitationMailStatus,
      description: 'Whether the mail server has accepted the mail that was last sent.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the invitation was created.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the invitation expires.' }),
    viewerPermissions: t.field({
      ...permissionsField('invitation'),
      description:
        'The permissions that the caller has on this invitation: `invitation:read`, `invitation:update` and `invitation:delete`. For an invitation to projects only, also `project_member:read`, `project_member:create` and `project_member:delete`, if the caller has them in all of its projects.',
      resolve: async (row, _args, ctx) => permissionsOnInvitation(ctx.unit.access, row, await mayResend(ctx, row)),
    }),
  }),
});

builder.queryField('invitation', (t) =>
  t.field({
    type: Invitation,
    nullable: true,
    permission: 'invitation:read',
    description:
      'The invitation with this ID. Null if there is none. The person who is invited uses `invitationOffer` instead.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the invitation.' }) },
    resolve: (_root, { id }, ctx) => byId('inv', (uuid) => findInvitation(ctx, uuid))(id),
  }),
);

const InvitationStatus = builder.enumType('InvitationStatus', {
  description: 'Whether an invitation can be accepted.',
  values: {
    PENDING: { description: 'It can be accepted.' },
    EXPIRED: { description: 'It has expired. `resendInvitation` makes it valid again.' },
  } as const,
});

const InvitationFilter = builder.inputType('InvitationFilter', {
  description: 'Selects the invitations that match all given fields.',
  fields: (t) => ({
    search: t.string({ description: searchDescription(['email'], 'invitation') }),
    status: t.field({ type: InvitationStatus, description: 'Whether the invitation can be accepted.' }),
    mailStatus: t.field({
      type: InvitationMailStatus,
      description: 'Whether the mail server has accepted the mail that was last sent.',
    }),
  }),
});

builder.queryField('invitations', (t) =>
  t.connection(
    {
      type: Invitation,
      nullable: true,
      permission: 'invitation:read',
      complexity: (args) => costOfList(args),
      args: { filter: t.arg({ type: InvitationFilter, description: 'Which invitations to list. Defaults to all.' }) },
      description: 'The pending and expired invitations of the organization, newest first.',
      resolve: (_root, args, ctx) => listInvitations(ctx, args),
    },
    connectionOf(Invitation),
  ),
);

builder.objectField(Project, 'invitations', (t) =>
  t.connection(
    {
      type: Invitation,
      nullable: true,
      permission: 'project_member:read',
      on: (project) => project.id,
      description: 'The pending and expired invitations that include a role in the project, newest first.',
      resolve: (project, args, ctx) => listInvitationsOf(ctx, project.id, args),
    },
    connectionOf(Invitation),
  ),
);

const ProjectRoleInput = builder.inputType('InvitationProjectRoleInput', {
  description: 'A project role to include in an invitation.',
  fields: (t) => ({
    projectId: t.id({
      required: true,
      permission: 'project_member:create',
      permissionOn: (id, ctx) => {
        const project = fromPublicId('prj', id);
        return project && ctx.unit.access.can('project:read', project) ? project : undefined;
      },
      visibleWith: 'project:read',
      description: 'The ID of the project. Permissions are checked on this project.',
    }),
    roleId: t.id({
      required: true,
      visibleWith: 'role:read',
      description: 'The ID of a built-in project role, or of a custom role.',
    }),
  }),
});

mutation('createInvitations', {
  own: true,
  auditPermission: 'invitation:create',
  description:
    'Invites people by e-mail: all of them or, if there are errors, none. The mails are sent after the response, see `Invitation.mailStatus`. Each message contains a secret link that can be used once, within 7 days, by the account with that address. An organization role requires `invitation:create`. Without one, people are invited to projects only. They become Guests of the organization, or keep their role if they are members already. The role cannot be Owner. Returns NOT_HELD if the roles grant permissions that the caller does not have, and PLAN_REQUIRED if the plan does not have enough seats: for a caller without `member:read` or `invitation:read`, every pending invitation counts as a seat, also of a member. Expired invitations to the same addresses are deleted if the caller may delete them. `accessChanges` lists what each person gains when they accept.',
  input: (t) => ({
    emails: t.stringList({
      required: true,
      description:
        '1 to 50 e-mail addresses. Case-insensitive. Returns TAKEN for the address of a member and for that of a pending invitation, if the caller can see the member or the invitation.',
    }),
    roleId: t.id({
      permission: 'invitation:create',
      visibleWith: 'role:read',
      description:
        'The ID of the organization role. Defaults to Guest. Returns REQUIRED if neither it nor `projectRoles` is given.',
    }),
    projectRoles: t.field({
      type: [ProjectRoleInput],
      description:
        'At most 100 project roles, one for each project. Returns PLAN_REQUIRED if the plan has no project roles. Defaults to none.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: {
    invitations: { type: [Invitation], description: 'The new invitations, in the order of the e-mail addresses.' },
    ...ACCESS_CHANGES,
  },
  resolve: async (input, ctx) => {
    const { result, accessChanges } = await createInvitations(ctx, input);
    return { invitations: ctx.unit.dryRun ? null : result, accessChanges };
  },
});

mutation('resendInvitation', {
  own: true,
  auditPermission: 'invitation:update',
  description:
    'Sends an invitation again with a new secret that is valid for 7 days. The mail is sent after the response, see `Invitation.mailStatus`. The previous secret cannot be used any more. The caller becomes the inviter. For an invitation to projects only, `project_member:create` in all of its projects is enough. Returns NOT_HELD if the invitation grants permissions that the caller does not have, and NOT_FOUND if it is not visible to the caller.',
  input: (t) => ({
    id: t.id({
      required: true,
      visibleWith: ACTIONS.resend,
      description: 'The ID of the invitation. Its roles must be visible to the caller.',
    }),
  }),
  results: { invitation: { type: Invitation, description: 'The updated invitation.' } },
  resolve: async (input, ctx) => ({ invitation: await resendInvitation(ctx, targetId('inv', input.id)) }),
});

mutation('deleteInvitation', {
  own: true,
  auditPermission: 'invitation:delete',
  description:
    'Revokes an invitation. Its secret cannot be used any more. For an invitation to projects only, `project_member:delete` in all of its projects is enough. Returns NOT_FOUND if it is not visible to the caller.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: ACTIONS.delete, description: 'The ID of the invitation.' }),
  }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteInvitation(ctx, targetId('inv', input.id)) }),
});
