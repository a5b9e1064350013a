import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The style of all pages. It is part of each page, so that a saved or printed page looks the same. */
export const STYLE = readFileSync(new URL('./report.css', import.meta.url), 'utf8');

export const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
