import { readFileSync, writeFileSync } from 'node:fs';
import { printedSchema, withTables } from './generated.ts';

// `npm run generate`: writes what a drift test compares.
writeFileSync('schema.graphql', printedSchema());
writeFileSync('README.md', withTables(readFileSync('README.md', 'utf8')));
