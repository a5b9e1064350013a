import type { IncomingMessage } from 'node:http';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import type { GraphQLSchema } from 'graphql';
import type { Dependencies } from '../context.ts';
import type { Work } from '../db/work.ts';
import { ANONYMOUS } from '../identity/actor.ts';
import { AmbitError } from '../lib/errors.ts';
import { createFile, type File } from './file.ts';
import { countFor } from './request-count.ts';
import type { HttpResponse } from './response.ts';

/** The schema as text, with the directive `@requires`. Introspection cannot return directives of fields. */
export const printSchema = (schema: GraphQLSchema): string =>
  `${printSchemaWithDirectives(schema, { pathToDirectivesInExtensions: ['directives'] })}\n`;

/** Serves `/schema.graphql` to whoever may use introspection. */
export function createSchemaRoute(schema: GraphQLSchema, dependencies: Dependencies) {
  const { identity, config } = dependencies;
  const isPublic = config.introspection === 'public';
  const cacheControl = isPublic ? 'no-cache' : 'private, no-cache';
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': cacheControl };
  let file: File | undefined;
  return async (req: IncomingMessage, work: Work, address: string): Promise<HttpResponse> => {
    const actor = isPublic ? ANONYMOUS : await identity.authenticate(req.headers.authorization ?? null, address, work);
    await countFor(dependencies, actor, address, 1);
    if (!isPublic && !actor.credential) throw missingCredential();
    // Printed on demand: it takes longer than a usual request.
    file ??= createFile(printSchema(schema), headers);
    return await file.respond(req);
  };
}

const missingCredential = (): AmbitError =>
  new AmbitError('UNAUTHENTICATED', 'Sign in first: the schema needs an Authorization header with a token.', {
    http: { status: 401, headers: { 'www-authenticate': 'Bearer' } },
  });
