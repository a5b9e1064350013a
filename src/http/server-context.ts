import type { Work } from '../db/work.ts';
import type { Bucket, Claim } from '../lib/buckets.ts';
import type { AmbitError } from '../lib/errors.ts';
import type { Admission } from './memory.ts';
import type { Trace } from './trace.ts';

/** The HTTP request, as far as GraphQL needs it. */
export interface ServerContext {
  requestId: string;
  address: string;
  /** The Authorization header. */
  authorization: string | null;
  userAgent: string | null;
  /** A single object, because yoga copies each property several times. */
  state: RequestState;
}

/** State that changes while the request is executed. */
export interface RequestState {
  work: Work;
  trace: Trace;
  credential: CredentialState;
  chargeOrganization: Admission['chargeOrganization'];
  /** How the request was counted. Null before it is counted. */
  counted: CountedRequest | null;
}

/** What is known about the credential of a request. */
export interface CredentialState {
  /** The error for an invalid credential. Null for a valid one, and without a credential. */
  error: AmbitError | null;
  /** Whether the operation runs as anonymous if the credential is invalid. Decided when the operation is known. */
  isIgnored: boolean;
}

/** How a request was counted, and the buckets afterwards. */
export interface CountedRequest {
  /** The cost of the operation. Zero if it was refused before its cost was computed. */
  cost: number;
  /** How many requests it counts as. Zero if it was refused. */
  requests: number;
  claims: readonly Claim[];
  buckets: readonly Readonly<Bucket>[];
}
