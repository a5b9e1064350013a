import { readFileSync, writeFileSync } from 'node:fs';
import { printedSchema, withTables } from './generated.ts';
import { protectNewTables } from './protect.ts';

await protectNewTables();
// What a drift test compares.
writeFileSync('schema.graphql', printedSchema());
writeFileSync('README.md', withTables(readFileSync('README.md', 'utf8')));
