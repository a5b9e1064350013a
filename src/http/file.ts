import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { compressFile, type Encoding, encodingFor } from './compression.ts';
import type { HttpResponse } from './response.ts';

/** A file that is the same for all requests. */
export interface File {
  /** Hash of the content, safe in a URL. */
  hash: string;
  /** The response to a GET or HEAD request. Status 304 if the client has this content. */
  respond(req: IncomingMessage): Promise<HttpResponse>;
}

/** A compressed file is computed once, when the first client asks for it. */
export function createFile(content: string, headers: Record<string, string>): File {
  const body = Buffer.from(content);
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16);
  // Weak, because it is the same for each encoding.
  const etag = `W/"${hash}"`;
  const compressed: Partial<Record<Encoding, Promise<Buffer>>> = {};
  const common = { ...headers, etag, vary: 'Accept-Encoding' };
  return {
    hash,
    respond: async ({ headers: { 'if-none-match': known, 'accept-encoding': accepted } }) => {
      if (known && tagsOf(known).includes(etag)) return { status: 304, headers: common, body: '' };
      const encoding = encodingFor(accepted);
      if (!encoding) return { status: 200, headers: common, body };
      compressed[encoding] ??= compressFile(body, encoding);
      return { status: 200, headers: { ...common, 'content-encoding': encoding }, body: await compressed[encoding] };
    },
  };
}

const tagsOf = (ifNoneMatch: string): string[] => ifNoneMatch.split(',').map((tag) => tag.trim());
