import { readFileSync, writeFileSync } from 'node:fs';
import { protectNewTables } from './protect.ts';
import { printedSchema, withTables } from './generated.ts';

await protectNewTables();
// What a drift test compares.
writeFileSync('schema.graphql', printedSchema());
writeFileSync('README.md', withTables(readFileSync('README.md', 'utf8')));
