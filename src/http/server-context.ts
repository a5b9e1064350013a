import type { Work } from '../db/work.ts';
import type { Admission } from './memory.ts';
import type { Trace } from './trace.ts';

/** What the HTTP edge knows before GraphQL begins. */
export interface ServerContext {
  requestId: string;
  address: string;
  /** The Authorization header. */
  authorization: string | null;
  userAgent: string | null;
  /** One object, because yoga copies each property several times. */
  state: RequestState;
}

/** What changes while the request is executed. */
export interface RequestState {
  work: Work;
  trace: Trace;
  chargeOrganization: Admission['chargeOrganization'];
}
