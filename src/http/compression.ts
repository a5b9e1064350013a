import { promisify } from 'node:util';
import { brotliCompress, brotliCompressSync, constants, gzip, gzipSync } from 'node:zlib';
import { negotiate } from '@fastify/accept-negotiator';
import { type HttpResponse, withVary } from './response.ts';

/** Encodings of a response, in the order of preference: brotli is smaller at the same speed. */
const ENCODINGS = ['br', 'gzip'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Bytes. A shorter response fits in one or two packets, so compression saves no time. */
const MIN = 2_000;

/**
 * Bytes up to which a response is compressed by the event loop. Another thread costs about 100 µs per response, and
 * compression itself less: 45 µs for 2 kB, 90 µs for 14 kB.
 */
const MAX_HERE = 16_000;

/** Bytes from which speed counts more than size: 1.4 MB take 3 ms instead of 10 ms, and become 9 % larger. */
const LARGE = 64_000;

/**
 * Bytes that are compressed at the same time. Further responses are sent without compression. A response in compression
 * exists twice, and the threads that compress also hash passwords.
 */
const MAX_AT_ONCE = 32_000_000;

const brotliAsync = promisify(brotliCompress);
const gzipAsync = promisify(gzip);

const brotliOptions = (quality: number, size: number) => ({
  params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: size },
});

/** The encoding for a header `Accept-Encoding`, or null for none. */
export function encodingFor(acceptEncoding: string | undefined): Encoding | null {
  if (!acceptEncoding) return null;
  const best = negotiate(acceptEncoding, [...ENCODINGS, 'identity']);
  return best === 'identity' ? null : best;
}

/** Compresses a file that is kept, so size counts more than time. */
export const compressFile = (body: Buffer, encoding: Encoding): Promise<Buffer> =>
  encoding === 'br' ? brotliAsync(body, brotliOptions(9, body.length)) : gzipAsync(body, { level: 9 });

function compressHere(body: Buffer, encoding: Encoding): Buffer {
  if (encoding === 'br') return brotliCompressSync(body, brotliOptions(4, body.length));
  return gzipSync(body, { level: 4 });
}

function compressInThread(body: Buffer, encoding: Encoding): Promise<Buffer> {
  const isLarge = body.length > LARGE;
  if (encoding === 'br') return brotliAsync(body, brotliOptions(isLarge ? 1 : 4, body.length));
  return gzipAsync(body, { level: isLarge ? 1 : 4 });
}

export type Compress = (
  acceptEncoding: string | undefined,
  response: HttpResponse,
) => HttpResponse | Promise<HttpResponse>;

/**
 * Compresses responses of some size for clients that accept it.
 *
 * BREACH does not apply: that attack needs many responses that contain the same secret and a text of the attacker, requested
 * by the victim's browser. Credentials are sent in a header that no page of another site can add, never in a cookie.
 * Tokens and secrets are in one response each.
 */
export function createCompress(): Compress {
  let inThreads = 0;

  async function compressText(acceptEncoding: string | undefined, response: HttpResponse, body: string) {
    const varying = withVary(response, 'Accept-Encoding');
    const encoding = encodingFor(acceptEncoding);
    if (!encoding || inThreads + body.length > MAX_AT_ONCE) return varying;
    const bytes = Buffer.from(body);
    if (bytes.length <= MAX_HERE) return encoded(varying, compressHere(bytes, encoding), encoding);
    inThreads += bytes.length;
    try {
      return encoded(varying, await compressInThread(bytes, encoding), encoding);
    } catch {
      // For example, because memory is short. The operation was executed, so its result must be sent.
      return varying;
    } finally {
      inThreads -= bytes.length;
    }
  }

  return (acceptEncoding, response) => {
    const { body, headers } = response;
    const isShort = typeof body !== 'string' || body.length < MIN;
    return isShort || headers['content-encoding'] ? response : compressText(acceptEncoding, response, body);
  };
}

const encoded = (response: HttpResponse, body: Buffer, encoding: Encoding): HttpResponse => ({
  ...response,
  headers: { ...response.headers, 'content-encoding': encoding },
  body,
});
