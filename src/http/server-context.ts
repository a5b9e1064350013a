import type { Work } from '../db/work.ts';
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
  chargeOrganization: Admission['chargeOrganization'];
}
