import { writeFileSync } from 'node:fs';
import { GENERATED } from './generated.ts';

// `npm run generate`: writes what a drift test compares.
for (const [path, content] of Object.entries(GENERATED)) writeFileSync(path, content());
