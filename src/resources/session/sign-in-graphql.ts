import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { Organization } from '../organization/graphql.ts';
import { findOrganization } from '../organization/service.ts';
import { findSignInTarget } from './failed-sign-in.ts';
import type { IssuedSession } from './issue.ts';
import { refreshSession } from './refresh.ts';
import { signIn, switchOrganization } from './sign-in.ts';
import { signUp } from './sign-up.ts';

export const IssuedSessionType = builder.objectRef<IssuedSession>('IssuedSession').implement({
  description: 'The tokens of a session. They cannot be read again.',
  public: true,
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description:
        'The token for the header `Authorization: Bearer …`. A JWT (RFC 9068), bound to the session and the organization.',
    }),
    refreshToken: t.exposeString('refreshToken', {
      description:
        'The token for `refreshSession`. It can be used once. Using it again more than 10 seconds later ends the session.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the access token expires.' }),
    organization: t.field({
      type: Organization,
      nullable: true,
      description: 'The organization that the session is bound to. Null if the person belongs to no organization.',
      resolve: (session, _args, ctx) => (session.organizationId ? findOrganization(ctx, session.organizationId) : null),
    }),
  }),
});

const SESSION = { session: { type: IssuedSessionType, description: 'The tokens of the session.' } } as const;

mutation('signUp', {
  public: true,
  description:
    'Creates an account and signs in. On a server with `SIGN_UP=invited`, it needs the secret of an invitation, or the setup secret for the first account. With the secret of an invitation, the person joins its organization, and the session is bound to it. Returns PLAN_REQUIRED if the plan of that organization does not have a seat or a feature that the invitation needs. Returns RATE_LIMITED after too many attempts from one network, with `retryAfter` in seconds. An invalid credential in the header is ignored.',
  input: (t) => ({
    email: t.string({
      required: true,
      description: 'The e-mail address of the account. Case-insensitive and unique in the instance.',
    }),
    password: t.string({ required: true, secret: true, description: 'The password, 8 to 256 characters.' }),
    name: t.string({ required: true, description: 'The display name of the person, 1 to 100 characters.' }),
    invitationSecret: t.string({
      secret: true,
      description:
        'The secret from the link in the e-mail of an invitation. The invitation must have been sent to `email`. It is accepted together with the sign-up. Required if the server has `SIGN_UP=invited`, except with `setupSecret`.',
    }),
    setupSecret: t.string({
      secret: true,
      description:
        'The one-time secret that a server with `SIGN_UP=invited` prints when it starts without any account. It creates the first account, which may create organizations.',
    }),
  }),
  results: SESSION,
  resolve: async (input, ctx) => ({ session: await signUp(ctx, input) }),
});

mutation('signIn', {
  public: true,
  description:
    'Signs in. Returns WRONG_CREDENTIALS for an unknown e-mail address and for a wrong password. Returns RATE_LIMITED after too many attempts for an account or from a network, with `retryAfter` in seconds. An invalid credential in the header is ignored.',
  input: (t) => ({
    // People also type their password here.
    email: t.string({
      required: true,
      secret: true,
      description: 'The e-mail address of the account. Case-insensitive. Audit events do not contain it.',
    }),
    password: t.string({ required: true, secret: true, description: 'The password of the account.' }),
    organizationSlug: t.string({
      description:
        'The slug of the organization that the session is bound to. Defaults to the organization that the person joined first.',
    }),
  }),
  results: SESSION,
  auditTarget: findSignInTarget,
  resolve: async (input, ctx) => ({ session: await signIn(ctx, input) }),
});

mutation('refreshSession', {
  public: true,
  description:
    'Exchanges a refresh token for new tokens. Each refresh token can be used once. For 10 seconds after that it still works, so that two tabs of a browser can refresh at the same time. Using it later ends the session, because the token may have been stolen. Returns RATE_LIMITED after too many calls, with `retryAfter` in seconds. An invalid credential in the header is ignored.',
  input: (t) => ({
    refreshToken: t.string({ required: true, secret: true, description: 'The latest refresh token of the session.' }),
  }),
  results: SESSION,
  resolve: async (input, ctx) => ({ session: await refreshSession(ctx, input) }),
});

mutation('switchOrganization', {
  own: true,
  description: 'Binds the session to another organization of the caller. The earlier tokens of the session expire.',
  input: (t) => ({
    organizationId: t.id({
      required: true,
      description: 'The ID of an organization that the caller is a member of, from `viewer.memberships`.',
    }),
  }),
  results: SESSION,
  resolve: async (input, ctx) => ({ session: await switchOrganization(ctx, input) }),
});
