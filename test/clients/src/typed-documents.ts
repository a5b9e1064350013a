import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { GraphQLClient } from 'graphql-request';
import { graphql } from '../generated/gql';

const CHECKS = graphql(`
  query TypedChecks($first: Int!) {
    checks(first: $first) {
      nodes {
        id
        createdAt
        viewerPermissions
      }
    }
  }
`);

const REFUSED = graphql(`
  mutation RefusedCheck($id: ID!) {
    deleteCheck(input: { check: { id: $id } }) {
      deletedId
    }
  }
`);

type Headers = Record<string, string>;

export async function graphqlRequest(url: string, headers: Headers): Promise<number | undefined> {
  const client = new GraphQLClient(url, { headers });
  const { checks } = await client.request(CHECKS, { first: 3 });
  const createdAt: string | undefined = checks?.nodes[0]?.createdAt;
  // @ts-expect-error `first` is a number.
  client.request(CHECKS, { first: 'three' }).catch(() => undefined);
  return createdAt ? checks?.nodes.length : undefined;
}

export async function urql(url: string, headers: Headers): Promise<number | undefined> {
  const client = new Client({ url, exchanges: [fetchExchange], preferGetMethod: false, fetchOptions: { headers } });
  const { data } = await client.query(CHECKS, { first: 3 }).toPromise();
  return data?.checks?.nodes.length;
}

export async function apollo(uri: string, headers: Headers): Promise<number | undefined> {
  const client = new ApolloClient({ link: new HttpLink({ uri, headers }), cache: new InMemoryCache() });
  const { data } = await client.query({ query: CHECKS, variables: { first: 3 } });
  return data?.checks?.nodes.length;
}

/** The code of the error that a refused mutation leaves in Apollo's result. */
export async function refusedByApollo(uri: string, headers: Headers): Promise<unknown> {
  const client = new ApolloClient({ link: new HttpLink({ uri, headers }), cache: new InMemoryCache() });
  const mutation = client.mutate({ mutation: REFUSED, variables: { id: 'chk_unknown' }, errorPolicy: 'all' });
  const { error } = (await mutation) as { error?: { errors?: { extensions?: { code?: string } }[] } };
  return error?.errors?.[0]?.extensions?.code;
}
