import { findBuiltIn } from '../../access/roles.ts';
import { db } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { findMembershipsAcrossTenants, type Membership } from '../../identity/across-tenants.ts';
import type { Actor, Credential } from '../../identity/actor.ts';
import { toPublicId } from '../../lib/ids.ts';
import { AccessEnum } from '../api-token/graphql.ts';
import { CredentialKind } from '../audit-event/graphql.ts';
import { Member } from '../member/graphql.ts';
import { Organization } from '../organization/graphql.ts';
import { findOrganization } from '../organization/service.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import { RoleType } from '../role/ref.ts';
import { User } from '../user/graphql.ts';
import {
  createOrganization,
  type IssuedSession,
  refreshSession,
  signIn,
  signOut,
  signUp,
  switchOrganization,
} from './sign-in.ts';

const CredentialType = builder.objectRef<Credential>('Credential').implement({
  description: 'What the caller showed to say who they are.',
  public: true,
  fields: (t) => ({
    kind: t.field({
      type: CredentialKind,
      description: 'Of which kind it is.',
      resolve: (credential) => credential.kind,
    }),
    access: t.field({
      type: AccessEnum,
      description: 'How far it reaches: a session always as far as its user.',
      resolve: (credential) => credential.access,
    }),
    id: t.id({
      description: 'The session or API token.',
      resolve: ({ kind, id }) => toPublicId(kind === 'SESSION' ? 'ses' : 'tok', id),
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends; null when it does not.',
    }),
  }),
});

const MembershipType = builder.objectRef<Membership>('Membership').implement({
  description: 'An organization that the caller belongs to, to switch to.',
  public: true,
  fields: (t) => ({
    organizationId: t.id({
      description: 'The organization, as `switchOrganization` takes it.',
      resolve: (membership) => toPublicId('org', membership.organization_id),
    }),
    slug: t.exposeString('slug', { description: 'Its name in addresses, as `signIn` takes it.' }),
    name: t.exposeString('name', { description: 'Its name.' }),
    role: t.string({
      description: 'Name of the role that the caller has there.',
      resolve: ({ built_in_role_id: builtIn, role_name: custom }) =>
        (builtIn && findBuiltIn(builtIn)?.name) || custom || '',
    }),
    current: t.boolean({
      description: 'Whether the credential is bound to it.',
      resolve: (membership, _args, ctx) => membership.organization_id === ctx.unit.actor.organization?.id,
    }),
  }),
});

const Viewer = builder.objectRef<Actor>('Viewer').implement({
  description: 'Who asks, and what they may do.',
  public: true,
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person who signed in, or whom the token acts for.',
      resolve: (actor) => actor.user,
    }),
    member: t.field({
      type: Member,
      nullable: true,
      description: 'The person as a member of the organization.',
      resolve: (actor, _args, ctx) => (actor.principal && actor.user ? findPrincipal(ctx, actor.principal.id) : null),
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: 'The member or service account that the credential acts for.',
      resolve: (actor, _args, ctx) => (actor.principal ? findPrincipal(ctx, actor.principal.id) : null),
    }),
    organization: t.field({
      type: Organization,
      nullable: true,
      description: 'The organization that the credential is bound to; null while the person belongs to none.',
      resolve: (actor, _args, ctx) => (actor.organization ? findOrganization(ctx, actor.organization.id) : null),
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'Their role in the organization.',
      resolve: (actor) => actor.grants?.role ?? null,
    }),
    credential: t.field({
      type: CredentialType,
      nullable: true,
      description: 'What they showed.',
      resolve: (actor) => actor.credential,
    }),
    permissions: t.field({
      type: ['Permission'],
      description:
        'What they may do now in the organization, through this credential. Project-level permissions as they hold in a project where they have no project role.',
      resolve: (_actor, _args, ctx) => ctx.unit.access.permissions(),
    }),
    memberships: t.field({
      type: [MembershipType],
      description:
        'The organizations that the person belongs to, in the order of joining. An API token sees its own only.',
      resolve: async (actor, _args, ctx) => {
        const all = actor.user ? await findMembershipsAcrossTenants(await db(ctx), actor.user.id) : [];
        const bound = actor.credential?.kind === 'API_TOKEN';
        return bound ? all.filter((membership) => membership.organization_id === actor.organization?.id) : all;
      },
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    nullable: true,
    public: true,
    description: 'Who asks; null for an anonymous caller.',
    resolve: (_root, _args, ctx) => (ctx.unit.actor.credential ? ctx.unit.actor : null),
  }),
);

const IssuedSessionType = builder.objectRef<IssuedSession>('IssuedSession').implement({
  description: 'The tokens of a session. Both are shown this once.',
  public: true,
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description:
        'What to send as `Authorization: Bearer …`: a JWT (RFC 9068), bound to the session and the organization.',
    }),
    refreshToken: t.exposeString('refreshToken', {
      description: 'What to give to `refreshSession` for new tokens, once. Giving it twice ends the session.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the access token ends.' }),
    organization: t.field({
      type: Organization,
      nullable: true,
      description: 'The organization that the session is bound to; null while the person belongs to none.',
      resolve: (session, _args, ctx) => (session.organizationId ? findOrganization(ctx, session.organizationId) : null),
    }),
  }),
});

const SESSION = { session: { type: IssuedSessionType, description: 'The session’s tokens.' } } as const;

mutation('signUp', {
  public: true,
  description: 'Makes an account and signs in. RATE_LIMITED after too many tries from one address.',
  input: (t) => ({
    email: t.string({ required: true, description: 'The address to sign in with; its case does not count.' }),
    password: t.string({ required: true, description: '8 to 256 characters.' }),
    name: t.string({ required: true, description: 'How the person is called, 1 to 100 characters.' }),
  }),
  results: SESSION,
  resolve: async (input, ctx) => ({ session: await signUp(ctx, input) }),
});

mutation('signIn', {
  public: true,
  description:
    'Signs in. An unknown address and a wrong password are answered alike (WRONG_CREDENTIALS); too many tries for an account or from an address with RATE_LIMITED and `retryAfter` in seconds.',
  input: (t) => ({
    email: t.string({ required: true, description: 'The address of the account.' }),
    password: t.string({ required: true, description: 'Its password.' }),
    organization: t.string({
      description: 'Slug of the organization to act in; the one that was joined first unless told.',
    }),
  }),
  results: SESSION,
  resolve: async (input, ctx) => ({ session: await signIn(ctx, input) }),
});

mutation('refreshSession', {
  public: true,
  description:
    'Gives new tokens for a refresh token, which is used up. One that was used already ends the session, because somebody else may have it.',
  input: (t) => ({ refreshToken: t.string({ required: true, description: 'The last refresh token of the session.' }) }),
  results: SESSION,
  resolve: async (input, ctx) => ({ session: await refreshSession(ctx, input) }),
});

mutation('switchOrganization', {
  own: true,
  description: 'Moves the session to another organization of the caller. Its earlier tokens end.',
  input: (t) => ({
    organizationId: t.id({ required: true, description: 'An organization that the caller belongs to.' }),
  }),
  results: SESSION,
  resolve: async (input, ctx) => ({ session: await switchOrganization(ctx, input) }),
});

mutation('signOut', {
  own: true,
  description: 'Ends a session of the caller: its tokens are refused from the next request on.',
  input: (t) => ({
    sessionId: t.id({ description: 'One of the caller’s sessions; that of the request unless told.' }),
  }),
  results: { session: { type: IssuedSessionType, description: 'Always null: there are no tokens any more.' } },
  resolve: async (input, ctx) => {
    await signOut(ctx, input);
    return { session: null };
  },
});

mutation('createOrganization', {
  own: true,
  description:
    'Makes an organization with a rubric to start from, and the caller its Owner. The session stays where it is; `switchOrganization` moves it.',
  input: (t) => ({
    name: t.string({ required: true, description: 'Its name, 1 to 100 characters.' }),
    slug: t.string({
      required: true,
      description:
        'Its name in addresses: 2 to 63 lower-case letters, digits and single hyphens, unique in the instance.',
    }),
  }),
  results: { organization: { type: Organization, description: 'The new organization.' } },
  resolve: async (input, ctx) => ({ organization: await createOrganization(ctx, input) }),
});
