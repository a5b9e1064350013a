import { limitedBy } from '../access/access.ts';
import type { EffectiveGrants, Grants, Narrowing, Role } from '../access/model.ts';
import type { IdPrefix } from '../lib/ids.ts';
import type { TokenAccess } from '../resources/api-token/table.ts';
import type { UserRow } from '../resources/user/table.ts';

export type CredentialKind = 'SESSION' | 'API_TOKEN' | 'API_KEY';

/** The prefixes of the IDs of credentials. */
export const CREDENTIAL_PREFIXES: Record<CredentialKind, IdPrefix> = {
  SESSION: 'ses',
  API_TOKEN: 'tok',
  API_KEY: 'key',
};

/** The session, API token or API key that authenticates the request. */
export interface Credential {
  kind: CredentialKind;
  id: string;
  /** The hash of the secret of the request, which may be the one before a rotation. Null for a session. */
  hash: string | null;
  access: TokenAccess;
  expiresAt: Date | null;
  /** The patterns that a token is narrowed to, or the permissions of a key. Null for all. */
  permissions: readonly string[] | null;
  /** The projects that a token is narrowed to, or the project of a key. Null for all. */
  projectIds: readonly string[] | null;
  /** The addresses and networks from which the credential can be used. Null for all. */
  addresses: readonly string[] | null;
  /** What a token is narrowed to, in the form that decisions need. Null for a key, which has its own grants. */
  narrowing: Narrowing | null;
}

/** The caller of a request, with everything that decisions about access depend on. */
export interface Actor {
  /** Null for an anonymous caller. All other fields are null then too. */
  credential: Credential | null;
  /** Null for a service account. */
  user: UserRow | null;
  /** The organization that the credential is bound to. Null if the user belongs to none. */
  organization: { id: string; slug: string; name: string } | null;
  /** The member or service account that the credential acts for in the organization. For an API key, the key itself. */
  principal: { id: string; name: string } | null;
  /** The current grants of the principal. Null without an organization. */
  grants: Grants | null;
}

export const ANONYMOUS: Actor = { credential: null, user: null, organization: null, principal: null, grants: null };

/** The grants of the actor or, if given, newer ones, with the limit of the credential. */
export const effectiveGrantsOf = (
  { credential, user, grants }: Actor,
  current: Grants | null = grants,
): EffectiveGrants | null =>
  current && credential
    ? limitedBy({ ...credential, isTokenOfMember: credential.kind === 'API_TOKEN' && user !== null }, current)
    : null;

/** The organization role of the actor. Null for an API key, which has none. */
export const organizationRoleOf = ({ grants }: Actor): Role | null =>
  grants && !grants.role.isOfKey ? grants.role : null;

/** Whether the credential allows changes now. */
export const accessOfCredential = (actor: Actor): TokenAccess =>
  effectiveGrantsOf(actor)?.access ?? actor.credential?.access ?? 'WRITE';
