import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The style of all reports. It is part of each page, so that a saved or printed page looks the same. */
export const STYLE = readFileSync(new URL('./report.css', import.meta.url), 'utf8');

const HASH = createHash('sha256').update(STYLE).digest('base64');

/** No scripts, no other origins, no images, no style but this one. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${HASH}'`,
  // The empty icon of the page, which prevents a request for /favicon.ico.
  'img-src data:',
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

export const PAGE_HEADERS: Record<string, string> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};
