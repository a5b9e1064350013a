import type { GraphQLSchema } from 'graphql';
import { createApp } from '../../src/app.ts';
import { ask, type ReceivedResponse } from '../http/requests.ts';
import { type Api, type ApiOptions, type Caller, type Json, listen, startApi } from '../support/api.ts';
import { isRefusal } from '../support/compare-ways.ts';
import { schema as sharedSchema } from '../support/introspect.ts';
import type { Operation } from './documents.ts';
import { shrink } from './shrink.ts';

/** Two servers on one database: one that answers with planned statements if it can, and one that never does. */
export interface TwoWays {
  api: Api;
  resolvers: string;
  /** How often the planner was asked, and how often it answered. */
  counts: { asked: number; planned: number };
  /**
   * The errors that the planner has thrown, without those that the resolvers report. Clients do not see them, because the
   * resolvers then execute the operation.
   */
  failures: string[];
}

export async function startTwoWays(options: ApiOptions = {}): Promise<TwoWays> {
  const counts = { asked: 0, planned: 0 };
  const failures: string[] = [];
  const schema: GraphQLSchema = options.schema ?? sharedSchema;
  const api = await startApi({
    ...options,
    schema,
    ways: {
      wrapAnswer: (answer) => async (args) => {
        counts.asked += 1;
        try {
          const text = await answer(args);
          if (text !== null) counts.planned += 1;
          return text;
        } catch (error) {
          if (!isRefusal(error))
            failures.push(`${args.document.loc?.source.body}\n${JSON.stringify(args.variableValues)}\n${error}`);
          throw error;
        }
      },
    },
  });
  const { handler } = createApp({ ...api.app.dependencies, schema, wrapAnswer: () => () => null });
  return { api, counts, failures, resolvers: await listen(handler) };
}

const MEDIA_TYPES = ['application/json', 'application/graphql-response+json'];

const send = (address: string, { token }: Caller, { query, variables, operationName }: Operation) =>
  ask(address, {
    headers: { accept: MEDIA_TYPES[query.length % 2], ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables, operationName }),
  });

/** Executes an operation, so that its document is in the cache. The planner answers only documents that are known. */
export const warmUp = async ({ api }: TwoWays, by: Caller, operation: Operation): Promise<void> =>
  void (await send(api.address, by, operation));

export interface Answers {
  planned: ReceivedResponse;
  resolved: ReceivedResponse;
}

/** Executes the operation on both ways at the same time. */
async function onBothWays({ api, resolvers }: TwoWays, by: Caller, operation: Operation): Promise<Answers> {
  const [planned, resolved] = await Promise.all([send(api.address, by, operation), send(resolvers, by, operation)]);
  return { planned, resolved };
}

const bodyOf = ({ body }: ReceivedResponse): string => Buffer.from(body, 'latin1').toString();

const textOf = (response: ReceivedResponse): string =>
  `${response.status}\n${JSON.stringify(response.headers)}\n${bodyOf(response)}`;

/** Several errors of one response have the order in which the database has answered. */
function withSortedErrors(response: ReceivedResponse): string {
  const { errors, ...rest } = JSON.parse(bodyOf(response)) as Json;
  const body = JSON.stringify({ ...rest, errors: errors?.map((error: Json) => JSON.stringify(error)).sort() });
  return textOf({ ...response, body });
}

const hasErrors = ({ body }: ReceivedResponse): boolean => body.includes('"errors":[{');

/** Whether both responses have the same status, the same headers and the same bytes in the body. */
const areSame = ({ planned, resolved }: Answers): boolean =>
  textOf(planned) === textOf(resolved) ||
  (hasErrors(planned) && hasErrors(resolved) && withSortedErrors(planned) === withSortedErrors(resolved));

/** Executes the operation on both ways. Throws an error with the smallest operation that differs. */
export async function expectSameOnBothWays(
  ways: TwoWays,
  [name, by]: [name: string, caller: Caller],
  operation: Operation,
): Promise<ReceivedResponse> {
  const answers = await onBothWays(ways, by, operation);
  if (areSame(answers)) return answers.resolved;
  const smallest = await shrink(
    sharedSchema,
    operation,
    async (smaller) => !areSame(await onBothWays(ways, by, smaller)),
  );
  throw new Error(
    [
      `The two ways differ for ${name}.`,
      operation.query,
      JSON.stringify(operation.variables),
      `planned: ${textOf(answers.planned)}`,
      `resolvers: ${textOf(answers.resolved)}`,
      `The smallest operation that differs: ${smallest.query}`,
      JSON.stringify(smallest.variables),
    ].join('\n'),
  );
}

export interface Asked {
  data: Json;
  errors: Json[] | undefined;
  status: number | undefined;
  body: string;
  /** Whether the planner answered. */
  isPlanned: boolean;
}

/** Executes the operation on both ways, which must agree, after its document has become known. */
export async function askBothWays(
  ways: TwoWays,
  by: Caller,
  query: string,
  variables: Record<string, Json> = {},
): Promise<Asked> {
  const operation = { query, variables };
  await warmUp(ways, by, operation);
  const before = ways.counts.planned;
  const { status, body } = await expectSameOnBothWays(ways, ['the caller', by], operation);
  const text = Buffer.from(body, 'latin1').toString();
  return { ...JSON.parse(text), status, body: text, isPlanned: ways.counts.planned > before };
}
