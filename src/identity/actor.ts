import type { Grants } from '../access/model.ts';
import type { TokenAccess } from '../resources/api-token/table.ts';
import type { UserRow } from '../resources/user/table.ts';

export interface Credential {
  kind: 'SESSION' | 'API_TOKEN';
  id: string;
  access: TokenAccess;
  expiresAt: Date | null;
}

/** Who asks: everything about them that a request may rely on, read anew for each request. */
export interface Actor {
  /** Null for an anonymous caller; then all else is null as well. */
  credential: Credential | null;
  /** The person; null for a service account. */
  user: UserRow | null;
  /** The organization that the credential is bound to; null while the user belongs to none. */
  organization: { id: string; slug: string; name: string } | null;
  /** The member or service account that the credential acts for in the organization. */
  principal: { id: string; name: string } | null;
  /** What the principal holds now. */
  grants: Grants | null;
}

export const ANONYMOUS: Actor = { credential: null, user: null, organization: null, principal: null, grants: null };
