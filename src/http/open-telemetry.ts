import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { type Log, throttled } from '../lib/log.ts';
import type { RequestEnd, RequestTracer, Tracing } from '../lib/tracing.ts';

/** Milliseconds that a stop waits for the collector. */
const STOP_TIMEOUT = 2_000;
/** Minimum number of milliseconds between two log entries about the collector. */
const LOG_EVERY = 60_000;
/** Maximum number of characters of a name or a statement in a span. */
const MAX_TEXT = 4_000;
const MAX_NAME = 200;

const METHODS = new Set(['GET', 'HEAD', 'POST', 'OPTIONS']);

/**
 * Sends spans with OTLP over HTTP. The packages read the variables OTEL_… themselves. Spans wait in a queue of limited
 * length, and are dropped when it is full. So a collector that does not respond delays no request.
 */
export function createTracing(version: string, log: Log, stopTimeout = STOP_TIMEOUT): Tracing {
  const report = throttled(LOG_EVERY, log);
  const warn = (): void =>
    report({ level: 'warn', message: 'spans were lost, because the collector does not accept them' });
  const nothing = (): void => undefined;
  // The messages of the packages can contain the URL of the collector, with its password.
  const logger = { error: warn, warn, info: nothing, debug: nothing, verbose: nothing };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'ambit', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('ambit', version);
  const propagator = new W3CTraceContextPropagator();
  return {
    startRequest(method, headers) {
      const parent = propagator.extract(ROOT_CONTEXT, headers, HEADERS);
      const known = METHODS.has(method) ? method : '_OTHER';
      const attributes = { 'http.request.method': known };
      const span = tracer.startSpan(known, { kind: SpanKind.SERVER, attributes }, parent);
      return {
        traceId: span.spanContext().traceId,
        tracer: span.isRecording() ? createRequestTracer(tracer, trace.setSpan(parent, span)) : undefined,
        end(request) {
          describe(span, known, request);
          span.end();
        },
      };
    },
    async stop() {
      const timeout = new Promise((done) => setTimeout(done, stopTimeout).unref());
      await Promise.race([provider.shutdown().catch(nothing), timeout]);
    },
  };
}

const HEADERS = {
  get: (headers: Record<string, unknown>, name: string) => headers[name] as string | undefined,
  keys: (headers: Record<string, unknown>) => Object.keys(headers),
};

/** Outcomes that are errors of the server. */
const FAULT = /INTERNAL|UNAVAILABLE|OUTCOME_UNKNOWN/;

function describe(span: Span, method: string, { requestId, route, status, outcome, organization }: RequestEnd): void {
  span.setAttributes({
    'ambit.request_id': requestId,
    'ambit.outcome': outcome,
    ...(organization !== null && { 'ambit.organization': organization }),
    ...(status !== null && { 'http.response.status_code': status }),
  });
  if (route !== 'none') {
    span.setAttribute('http.route', route);
    span.updateName(`${method} ${route}`);
  }
  if (FAULT.test(outcome)) span.setStatus({ code: SpanStatusCode.ERROR });
}

function createRequestTracer(tracer: Tracer, request: Context): RequestTracer {
  /** The spans that statements belong to. */
  let operation = request;
  const fields = new Set<Context>();
  let sending: Context | undefined;

  /** The root field that sends the statement. If that is not known, because several run at once, the operation. */
  const parentOfStatement = (): Context => {
    if (sending) return sending;
    const [only] = fields;
    return only && fields.size === 1 ? only : operation;
  };
  const start = (
    name: string,
    attributes: Record<string, string>,
    parent: Context,
    kind = SpanKind.INTERNAL,
  ): Context => trace.setSpan(parent, tracer.startSpan(name, { kind, attributes }, parent));

  return {
    async inOperation({ type, name }, run) {
      operation = start(
        type,
        { 'graphql.operation.type': type, ...(name !== null && { 'graphql.operation.name': name.slice(0, MAX_NAME) }) },
        request,
      );
      return await ended(operation, run());
    },
    inField(name, run) {
      const field = start(name, { 'graphql.field.name': name }, operation);
      const endField = (error?: unknown): void => {
        fields.delete(field);
        end(field, error);
      };
      fields.add(field);
      sending = field;
      try {
        const result = run();
        if (isPromise(result)) result.then(() => endField(), endField);
        else endField();
        return result;
      } catch (error) {
        endField(error);
        throw error;
      } finally {
        sending = undefined;
      }
    },
    addStatement(text, response) {
      const attributes = { 'db.system.name': 'postgresql', 'db.query.text': text.slice(0, MAX_TEXT) };
      const name = /^\w+/.exec(text)?.[0].toUpperCase() ?? 'statement';
      void ended(start(name, attributes, parentOfStatement(), SpanKind.CLIENT), response).catch(() => undefined);
    },
  };
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';

/** Ends the span when the promise is settled. */
async function ended<T>(context: Context, result: PromiseLike<T>): Promise<T> {
  try {
    const value = await result;
    end(context);
    return value;
  } catch (error) {
    end(context, error);
    throw error;
  }
}

/** An error is recorded by its code, because its message can contain a value. */
function end(context: Context, error?: unknown): void {
  const span = trace.getSpan(context);
  if (error !== undefined) {
    const { code } = error as { code?: unknown };
    span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.setAttribute('error.type', typeof code === 'string' ? code : 'error');
  }
  span?.end();
}
