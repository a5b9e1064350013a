import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Most of a start is reading and compiling code: from the second one on it is read compiled. Where the folder cannot be
// written, nothing is kept.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/ambit', import.meta.url)));
await import('./startup/serve.ts');
