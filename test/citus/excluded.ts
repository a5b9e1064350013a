/** Test files that do not run on Citus, by the reason. All others do, also those of new resources. */
export const EXCLUDED: Record<string, string[]> = {
  'no database is used': [
    'test/access/**',
    'test/graphql/{argument-guard,cost,names,permission-cache,resource,visibility-in-projects}.test.ts',
    'test/http/{address,connections,cost,document-cache,drain,health,pending-response,response-writer}.test.ts',
    'test/http/{executor,executor-*,heavy-queries}.test.ts',
    'test/planner/{guard,shrink}.test.ts',
    'test/db/{placement,shares}.test.ts',
    'test/{architecture,compose,documents,drift,ids}.test.ts',
    'test/support/**',
  ],
  'starts its own server or process': [
    'test/{backup,embedded,image,main,workers,new-resource}.test.ts',
    'test/db/{tls,stale-statement}.test.ts',
    'test/enforcement/pooler.test.ts',
    'test/faults/**',
  ],
  'is about the browser or about memory, whatever the database is': [
    'test/http/{playground,playground-in-chromium,report-pages,reports-in-chromium,memory,compression,introspection,audits}.test.ts',
  ],
  'is about the migrations and the plans of PostgreSQL': ['test/db/{migrate,migrate-data,rewrites,list-plans}.test.ts'],
};
