import { defineConfig } from 'drizzle-kit';

/** Tables live with their resource; `npm run generate` turns their changes into a migration. */
export default defineConfig({
  dialect: 'postgresql',
  schema: ['./src/resources/*/table.ts', './src/identity/table.ts'],
  out: './migrations',
});
