import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Most of the time of a start is spent on compiling code, so compiled code is cached. If the folder cannot be written,
// there is no cache.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/ambit', import.meta.url)));
await import('./startup/serve.ts');
