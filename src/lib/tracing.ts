import type { IncomingHttpHeaders } from 'node:http';

/** Records the spans of one request. It gets no variable, no parameter and no credential. */
export interface RequestTracer {
  /** Calls `run` in the span of the operation. */
  inOperation<T>(operation: { type: string; name: string | null }, run: () => Promise<T>): Promise<T>;
  /** Calls `run` in the span of a root field. The span ends with the promise that it returns. */
  inField<T>(name: string, run: () => T): T;
  /** Adds the span of a statement that was just sent. */
  addStatement(text: string, response: PromiseLike<unknown>): void;
}

/** The end of a request, as it is recorded in its span. */
export interface RequestEnd {
  requestId: string;
  route: string;
  /** Null when the client disconnected. */
  status: number | null;
  outcome: string;
  /** The public ID of the organization. */
  organization: string | null;
}

/** The span of a request. */
export interface RequestSpan {
  readonly traceId: string;
  /** Undefined if the sampler has not selected the request. */
  readonly tracer: RequestTracer | undefined;
  end(request: RequestEnd): void;
}

/** Sends spans to a collector. */
export interface Tracing {
  startRequest(method: string, headers: IncomingHttpHeaders): RequestSpan;
  /** Sends the remaining spans, within a short time. */
  stop(): Promise<void>;
}
