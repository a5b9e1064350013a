import { findBuiltIn } from '../../access/roles.ts';
import { db } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { findMembershipsAcrossTenants, type Membership } from '../../identity/across-tenants.ts';
import {
  type Actor,
  accessOfCredential,
  CREDENTIAL_PREFIXES,
  type Credential,
  organizationRoleOf,
} from '../../identity/actor.ts';
import { toPublicId } from '../../lib/ids.ts';
import { requestLimitsOf } from '../../lib/request-limits.ts';
import { CredentialKind } from '../audit-event/graphql.ts';
import { Member } from '../member/graphql.ts';
import { Organization } from '../organization/graphql.ts';
import { findOrganization } from '../organization/service.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { findProjects } from '../project/service.ts';
import { RoleType } from '../role/ref.ts';
import { User } from '../user/graphql.ts';

export const CredentialAccess = builder.enumType('CredentialAccess', {
  description: 'What a credential allows, within the permissions of the member or service account that it acts for.',
  values: {
    READ: { description: 'Reading only. An API token can be limited to this.' },
    WRITE: { description: 'Reading and changing. A session always has this access.' },
  } as const,
});

const CredentialType = builder.objectRef<Credential>('Credential').implement({
  description: 'The session, API token or API key that authenticates the request.',
  public: true,
  fields: (t) => ({
    id: t.id({
      description: 'The ID of the session, API token or API key.',
      resolve: ({ kind, id }) => toPublicId(CREDENTIAL_PREFIXES[kind], id),
    }),
    kind: t.field({
      type: CredentialKind,
      description: 'Whether it is a session, an API token or an API key.',
      resolve: (credential) => credential.kind,
    }),
    access: t.field({
      type: CredentialAccess,
      description:
        'Whether the credential allows changes now. An API token of a member with the access WRITE counts as READ while the member does not hold `api_token:grant_write`.',
      resolve: (_credential, _args, ctx) => accessOfCredential(ctx.unit.actor),
    }),
    permissions: t.field({
      type: ['String'],
      nullable: true,
      description:
        'The permissions and patterns that an API token is limited to, or that an API key has. Null for all, within the permissions of the member or service account.',
      resolve: ({ permissions }) => permissions && [...permissions],
    }),
    projects: t.field({
      type: [Project],
      nullable: true,
      description:
        'The projects that the credential is limited to, without those that are deleted or not visible to the caller. Null for all.',
      resolve: ({ projectIds }, _args, ctx) => projectIds && findProjects(ctx, projectIds),
    }),
    addresses: t.field({
      type: ['String'],
      nullable: true,
      description:
        'The IP addresses and networks from which the credential can be used. Null if it can be used from everywhere.',
      resolve: ({ addresses }) => addresses && [...addresses],
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the credential expires, at the latest after `Organization.apiTokenMaxDays`. For a secret that was replaced by a rotation, when that secret expires. Null if it does not expire.',
    }),
    requestsPerMinute: t.int({
      description:
        'The maximum number of requests in a minute with this credential, as in `Plan`. The sessions of a person without an organization share the limit of the plan FREE.',
      resolve: (_credential, _args, { unit, dependencies }) =>
        requestLimitsOf(unit.actor.grants?.plan ?? 'FREE', dependencies.config.planRequestsPercent).credential,
    }),
  }),
});

const OrganizationSummary = builder.objectRef<Membership>('OrganizationSummary').implement({
  description:
    'The data of an organization that each member can read without switching to it. The query `organization` returns all data.',
  public: true,
  fields: (t) => ({
    id: t.id({
      description: 'The ID of the organization, for `switchOrganization`.',
      resolve: (membership) => toPublicId('org', membership.organization_id),
    }),
    slug: t.exposeString('slug', {
      description: 'The name of the organization in URLs, for `signIn`. Unique in the instance.',
    }),
    name: t.exposeString('name', { description: 'The display name of the organization.' }),
  }),
});

const MembershipType = builder.objectRef<Membership>('Membership').implement({
  description: 'The membership of the caller in an organization.',
  public: true,
  fields: (t) => ({
    organization: t.field({
      type: OrganizationSummary,
      description: 'The organization.',
      resolve: (membership) => membership,
    }),
    roleName: t.string({
      description: 'The name of the caller’s organization role.',
      resolve: ({ built_in_role_id: builtIn, role_name: custom }) =>
        (builtIn && findBuiltIn(builtIn)?.name) || custom || '',
    }),
    current: t.boolean({
      description: 'Whether the credential is bound to this organization.',
      resolve: (membership, _args, ctx) => membership.organization_id === ctx.unit.actor.organization?.id,
    }),
  }),
});

export const Viewer = builder.objectRef<Actor>('Viewer').implement({
  description: 'The caller: the person, the organization and the permissions of the request.',
  public: true,
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person who makes the request. Null for a service account.',
      resolve: (actor) => actor.user,
    }),
    member: t.field({
      type: Member,
      nullable: true,
      description:
        'The membership of the person in the organization. Null for a service account, and if the person belongs to no organization.',
      resolve: (actor, _args, ctx) => (actor.principal && actor.user ? findPrincipal(ctx, actor.principal.id) : null),
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account that the credential acts for. Null if the person belongs to no organization.',
      resolve: (actor, _args, ctx) => (actor.principal ? findPrincipal(ctx, actor.principal.id) : null),
    }),
    organization: t.field({
      type: Organization,
      nullable: true,
      description: 'The organization that the credential is bound to. Null if the person belongs to no organization.',
      resolve: (actor, _args, ctx) => (actor.organization ? findOrganization(ctx, actor.organization.id) : null),
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The current organization role. Null if the person belongs to no organization.',
      resolve: organizationRoleOf,
    }),
    credential: t.field({
      type: CredentialType,
      description: 'The credential of the request.',
      resolve: (actor) => actor.credential as Credential,
    }),
    permissions: t.field({
      type: ['Permission'],
      description:
        'The permissions of the request in the organization. Permissions on projects apply to every project in which the caller has no project role.',
      resolve: (_actor, _args, ctx) => ctx.unit.access.permissions(),
    }),
    memberships: t.field({
      type: [MembershipType],
      description:
        'The organizations that the person belongs to, in the order of joining. An API token sees only its own organization. Empty for a service account.',
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
    description: 'The caller. Null without a credential.',
    resolve: (_root, _args, ctx) => (ctx.unit.actor.credential ? ctx.unit.actor : null),
  }),
);
