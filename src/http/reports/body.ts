import type { IncomingMessage } from 'node:http';
import { AmbitError, unavailable } from '../../lib/errors.ts';
import { type Admission, BUSY, type RequestMemory } from '../memory.ts';

/** Maximum number of bytes of a form of the reports. */
const MAX_FORM = 10_000;

/** Reads the body of a form, and accounts for its memory. Refusals are errors here, because they are shown as pages. */
export async function withForm<Result>(
  memory: RequestMemory,
  req: IncomingMessage,
  respond: (body: Buffer, admission: Admission) => Promise<Result>,
): Promise<Result> {
  if (memory.isFull()) throw unavailable(BUSY);
  const body = await memory.readBody(req, MAX_FORM);
  if (body === 'incomplete') throw unavailable(BUSY, { connection: 'close' });
  if (body === 'too large') throw tooLarge();
  const admission = memory.admit(body.length);
  if (!admission) throw unavailable(BUSY);
  try {
    return await respond(body, admission);
  } finally {
    admission.release();
  }
}

const tooLarge = (): AmbitError =>
  new AmbitError('BAD_REQUEST', `The form must not be larger than ${MAX_FORM} bytes.`, {
    http: { status: 413, headers: { connection: 'close' } },
  });
