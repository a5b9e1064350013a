import { limitedBy } from '../access/access.ts';
import type { EffectiveGrants, Grants } from '../access/model.ts';
import type { TokenAccess } from '../resources/api-token/table.ts';
import type { UserRow } from '../resources/user/table.ts';

/** The session or API token that authenticates the request. */
export interface Credential {
  kind: 'SESSION' | 'API_TOKEN';
  id: string;
  access: TokenAccess;
  expiresAt: Date | null;
}

/** The caller of a request, with everything that decisions about access depend on. */
export interface Actor {
  /** Null for an anonymous caller. All other fields are null then too. */
  credential: Credential | null;
  /** Null for a service account. */
  user: UserRow | null;
  /** The organization that the credential is bound to. Null if the user belongs to none. */
  organization: { id: string; slug: string; name: string } | null;
  /** The member or service account that the credential acts for in the organization. */
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
    ? limitedBy(
        { access: credential.access, isTokenOfMember: credential.kind === 'API_TOKEN' && user !== null },
        current,
      )
    : null;

/** Whether the credential allows changes now. */
export const accessOfCredential = (actor: Actor): TokenAccess =>
  effectiveGrantsOf(actor)?.access ?? actor.credential?.access ?? 'WRITE';
