import { refusal } from '../access/access.ts';
import type { EventRefusal } from '../context.ts';
import { AmbitError } from '../lib/errors.ts';
import { EventRefusedError } from '../resources/integration/refusals.ts';
import { BUSY } from './memory.ts';

const NO_INTEGRATION = 'No integration of this type has this URL.';

export const noIntegration = (): AmbitError => new AmbitError('NOT_FOUND', NO_INTEGRATION, { http: { status: 404 } });

export const wrongType = (): AmbitError =>
  new EventRefusedError('WRONG_TYPE', 'NOT_FOUND', NO_INTEGRATION, { status: 404 });

export const integrationDisabled = (): AmbitError =>
  refusal(
    'INTEGRATION_DISABLED',
    'The integration of this URL is disabled.',
    'Ask an Admin of the organization to enable it.',
  );

export const invalidEvent = (status: number, message: string, headers?: Record<string, string>): AmbitError =>
  new AmbitError('BAD_REQUEST', message, { http: { status, headers } });

export const busy = (headers: Record<string, string> = {}): AmbitError => {
  const http = { status: 503, headers: { 'retry-after': '1', ...headers } };
  return new AmbitError('UNAVAILABLE', BUSY, { http });
};

/** The reason in the audit log. Null if the sender did nothing wrong. */
export function reasonOf(error: unknown): EventRefusal['reason'] | null {
  if (error instanceof EventRefusedError) return error.reason;
  if (!(error instanceof AmbitError)) return null;
  if (error.code === 'FORBIDDEN') return 'INTEGRATION_DISABLED';
  if (error.code === 'RATE_LIMITED') return 'RATE_LIMITED';
  return error.code === 'BAD_REQUEST' ? 'INVALID_EVENT' : null;
}
