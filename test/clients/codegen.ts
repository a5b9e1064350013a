import type { CodegenConfig } from '@graphql-codegen/cli';

const scalars = { DateTime: 'string', JSON: 'unknown', Permission: '../permission#Permission' };

/** AMBIT_SCHEMA is the printed schema, or the URL of a server for introspection. */
const config: CodegenConfig = {
  schema: process.env['AMBIT_SCHEMA'] ?? '../../schema.graphql',
  generates: {
    'generated/plugins/schema.ts': {
      plugins: ['typescript'],
      config: { scalars, enumsAsTypes: true },
    },
    'generated/plugins/operations.ts': {
      documents: 'src/operations.graphql',
      plugins: ['typescript-operations'],
      config: { scalars, enumsAsTypes: true },
    },
    'generated/gql/': {
      documents: 'src/typed-documents.ts',
      preset: 'client',
      config: { scalars, enumsAsTypes: true },
    },
  },
};

export default config;
