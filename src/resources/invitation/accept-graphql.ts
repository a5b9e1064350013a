import { builder } from '../../graphql/builder.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { Member } from '../member/graphql.ts';
import { Organization } from '../organization/graphql.ts';
import { acceptInvitation, declineInvitation, findOffer, type InvitationOffer } from './accept.ts';

const InvitationOfferType = builder.objectRef<InvitationOffer>('InvitationOffer').implement({
  description: 'What an invitation offers, as who has its secret sees it.',
  public: true,
  fields: (t) => ({
    organizationName: t.exposeString('organizationName', { description: 'Name of the organization to join.' }),
    email: t.exposeString('email', { description: 'The address to sign in with: it is for no other.' }),
    roleName: t.exposeString('roleName', { description: 'Name of the organization role that it offers.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'From when on it cannot be accepted.' }),
  }),
});

const SECRET = 'The secret from the mail’s link.';

builder.queryField('invitation', (t) =>
  t.field({
    type: InvitationOfferType,
    nullable: true,
    public: true,
    description:
      'The invitation with this secret; null when there is none, or none any more. Each field of a document counts as a try: RATE_LIMITED after too many from one address.',
    args: { secret: t.arg.string({ required: true, description: SECRET }) },
    resolve: (_root, { secret }, ctx) => findOffer(ctx, secret),
  }),
);

mutation('acceptInvitation', {
  own: true,
  description:
    'Joins the organization that the invitation is for, signed in with the address that it was sent to. The session stays where it is; `switchOrganization` moves it. A secret that is unknown, used, revoked, expired or for another address, and an invitation that cannot be kept any more, are answered alike (NOT_FOUND); too many tries from one address with RATE_LIMITED.',
  input: (t) => ({ secret: t.string({ required: true, description: SECRET }) }),
  results: {
    organization: { type: Organization, description: 'The organization that was joined.' },
    member: { type: Member, description: 'The caller as its member.' },
  },
  resolve: (input, ctx) => acceptInvitation(ctx, input),
});

mutation('declineInvitation', {
  public: true,
  description:
    'Declines an invitation: its secret is used up. Needs no account, as who has the secret is whom it was sent to. Answers as `acceptInvitation` does.',
  input: (t) => ({ secret: t.string({ required: true, description: SECRET }) }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await declineInvitation(ctx, input) }),
});
