import { createServer, type Server } from 'node:http';
import type { Config } from '../config.ts';
import { createMetricsRoute, METRICS_PATH } from '../http/metrics/route.ts';
import { errorResponse, requestIdOf, send } from '../http/response.ts';
import { describeError, type Log } from '../lib/log.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Serves `/metrics`, and nothing else, on `METRICS_PORT` until the process stops. */
export async function openMetricsListener(
  { metrics: { host, port = 0, token } }: Config,
  scrape: () => Promise<string>,
  { onStop }: Lifecycle,
  log: Log,
): Promise<void> {
  const route = createMetricsRoute(scrape, token);
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (req, res) => {
    const requestId = requestIdOf(req);
    const isScrape = (req.method === 'GET' || req.method === 'HEAD') && req.url?.split('?', 1)[0] === METRICS_PATH;
    const response = isScrape
      ? route(req)
      : Promise.resolve(errorResponse(404, `Only ${METRICS_PATH} is served on this port.`, requestId));
    void response
      .catch((error: unknown) => {
        log({ level: 'error', requestId, error: describeError(error) });
        return errorResponse(500, 'The metrics could not be collected.', requestId);
      })
      .then((ready) => send(res, requestId, ready));
  });
  await listen(server, host, port);
  onStop(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      fail(
        new Error(
          code === 'EADDRINUSE'
            ? `METRICS_PORT: ${port} on ${host} is in use by another process; set METRICS_PORT to a free port`
            : `METRICS_HOST: cannot listen on ${host}:${port} (${code ?? message})`,
        ),
      ),
    );
    server.listen({ port, host }, done);
  });
}
