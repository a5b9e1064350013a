import { writeFileSync } from 'node:fs';
import { GENERATED } from './generated.ts';
import { protectNewTables } from './protect.ts';

// `npm run generate`: protects new tables, and writes what a drift test compares.
await protectNewTables();
for (const [path, content] of Object.entries(GENERATED)) writeFileSync(path, content());
