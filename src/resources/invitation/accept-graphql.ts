import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { Member } from '../member/graphql.ts';
import { Organization } from '../organization/graphql.ts';
import { IssuedSessionType } from '../session/sign-in-graphql.ts';
import { acceptInvitation, declineInvitation } from './accept.ts';
import { findOffer, type InvitationOffer } from './find.ts';

const OfferedProjectRole = builder
  .objectRef<InvitationOffer['projectRoles'][number]>('InvitationOfferProjectRole')
  .implement({
    description: 'A project role that an invitation includes, by its names.',
    public: true,
    fields: (t) => ({
      projectName: t.exposeString('projectName', { description: 'The display name of the project.' }),
      roleName: t.exposeString('roleName', { description: 'The name of the project role.' }),
    }),
  });

const InvitationOfferType = builder.objectRef<InvitationOffer>('InvitationOffer').implement({
  description: 'The part of an invitation that is visible to everybody who has its secret.',
  public: true,
  fields: (t) => ({
    organizationName: t.exposeString('organizationName', { description: 'The display name of the organization.' }),
    email: t.exposeString('email', {
      description:
        'The e-mail address that the invitation was sent to. Only the account with this address can accept it.',
    }),
    roleName: t.exposeString('roleName', {
      description: 'The name of the organization role. Guest for an invitation to projects only.',
    }),
    projectRoles: t.field({
      type: [OfferedProjectRole],
      description: 'The project roles that the invitation includes.',
      resolve: (offer) => offer.projectRoles,
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the invitation expires.' }),
  }),
});

const SECRET = 'The secret from the link in the e-mail.';
const INVALID =
  'NOT_FOUND if the secret is unknown, used, revoked or expired, or if the invitation is not valid any more. Returns RATE_LIMITED after too many attempts from one network, with `retryAfter` in seconds.';

builder.queryField('invitationOffer', (t) =>
  t.field({
    type: InvitationOfferType,
    nullable: true,
    public: true,
    description:
      'The invitation with this secret. Null if the secret is unknown, used, revoked or expired. Returns RATE_LIMITED after too many attempts from one network; each use of the field in a document is an attempt.',
    args: { secret: t.arg.string({ required: true, description: SECRET }) },
    resolve: (_root, { secret }, ctx) => findOffer(ctx, secret),
  }),
);

mutation('acceptInvitation', {
  own: true,
  description: `Joins the organization of an invitation. The e-mail address of the caller must be the address that the invitation was sent to. The session of a person without an organization is bound to it: use the tokens in \`session\`, because the earlier access tokens of the session are refused. Another session stays bound to its organization; use \`switchOrganization\` to change that. A member who is invited to projects gets the project roles in those projects where they have none, and keeps their organization role. Returns ${INVALID}`,
  input: (t) => ({
    secret: t.string({ required: true, secret: true, description: SECRET }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: {
    organization: { type: Organization, description: 'The organization that the caller joined.' },
    member: { type: Member, description: 'The caller as a member of the organization.' },
    session: {
      type: IssuedSessionType,
      description:
        'The new tokens of the session. Null if the session was bound to an organization already, in a dry run, and if there are errors.',
    },
    ...ACCESS_CHANGES,
  },
  resolve: async (input, ctx) => {
    const { result, accessChanges } = await acceptInvitation(ctx, input);
    const { organization = null, member = null, session = null } = result ?? {};
    return { organization, member, session, accessChanges };
  },
});

mutation('declineInvitation', {
  public: true,
  description: `Declines an invitation. Its secret cannot be used any more. No account is needed. Returns ${INVALID}`,
  input: (t) => ({ secret: t.string({ required: true, secret: true, description: SECRET }) }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await declineInvitation(ctx, input) }),
});
