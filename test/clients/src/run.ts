import assert from 'node:assert/strict';
import { askAt } from './ask';
import { genql } from './genql';
import { plugins } from './plugins';
import { tada } from './tada';
import { apollo, graphqlRequest, refusedByApollo, urql } from './typed-documents';

const [url = '', token = ''] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };

const clients = {
  'codegen plugins': () => plugins(askAt(url, headers)),
  'graphql-request': () => graphqlRequest(url, headers),
  urql: () => urql(url, headers),
  Apollo: () => apollo(url, headers),
  genql: () => genql(url, headers),
  'gql.tada': () => tada(url, headers),
};

for (const [name, count] of Object.entries(clients)) {
  assert.equal(await count(), 3, `${name} reads three checks`);
  console.log(`  ${name}`);
}
assert.equal(await refusedByApollo(url, headers), 'FORBIDDEN');
