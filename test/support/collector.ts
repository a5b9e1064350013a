import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';
import type { Json } from './api.ts';

/** A span as the collector has received it. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  kind: number;
  attributes: Record<string, string | number>;
  isError: boolean;
}

/** A server that receives spans with OTLP over HTTP and JSON. */
export interface Collector {
  url: string;
  spans: ReceivedSpan[];
  /** The attributes of the last sender. */
  resource: Record<string, string | number>;
  /** Everything received, as text. */
  text(): string;
  /** The header `authorization` of the last request. */
  authorization: string | undefined;
  /** Number of requests without a response. */
  pending(): number;
}

/** Starts a collector. Without a status, it reads the spans and never responds. */
export async function startCollector(status: number | null = 200): Promise<Collector> {
  const pending: ServerResponse[] = [];
  let text = '';
  const collector: Collector = {
    url: '',
    spans: [],
    resource: {},
    text: () => text,
    authorization: undefined,
    pending: () => pending.length,
  };
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req.setEncoding('utf8')) body += chunk;
    text += body;
    collector.authorization = req.headers.authorization;
    if (req.method === 'POST' && req.url === '/v1/traces') receive(collector, JSON.parse(body));
    if (status === null) pending.push(res);
    else res.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return collector;
}

function receive(collector: Collector, { resourceSpans }: Json): void {
  for (const { resource, scopeSpans } of resourceSpans) {
    collector.resource = attributesOf(resource);
    for (const { spans } of scopeSpans)
      for (const span of spans)
        collector.spans.push({ ...span, attributes: attributesOf(span), isError: span.status?.code === 2 });
  }
}

const attributesOf = ({ attributes }: Json): Record<string, string | number> =>
  Object.fromEntries(attributes.map(({ key, value }: Json) => [key, value.stringValue ?? Number(value.intValue)]));
