import { graphql, type Request } from '../harness/load.ts';
import type { Server } from '../harness/server.ts';
import { ROLE } from './cerbos.ts';
import type { Caller } from './organization.ts';
import type { Ask, Question } from './role.ts';

/** Converts questions to one request, and reads the decisions from the response, in the order of the questions. */
export interface Dialect {
  request(questions: Question[], caller: Caller): Request;
  // biome-ignore lint/suspicious/noExplicitAny: only used for the comparison
  decisions(answer: any, questions: Question[]): boolean[];
}

const AUTHORIZE = 'query ($requests: [AuthorizationRequest!]!) { authorize(requests: $requests) { allowed } }';

export const askAmbit: Dialect = {
  request: (questions, { token, project }) =>
    graphql(token, AUTHORIZE, {
      requests: questions.map(({ permission, project: asked }) => ({
        permission,
        ...(asked && { targetId: project }),
      })),
    }),
  decisions: ({ data }) => data.authorize.map(({ allowed }: { allowed: boolean }) => allowed),
};

/** Groups actions by resource, as documented for `CheckResources`. Cerbos does not authenticate the caller. */
export const askCerbos: Dialect = {
  request: (questions, { token }) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      requestId: token.slice(-8),
      principal: { id: token.slice(-8), roles: [ROLE] },
      resources: [...Map.groupBy(questions, ({ resource }) => resource)].map(([kind, asked]) => ({
        resource: { kind, id: 'any' },
        actions: asked.map(({ action }) => action),
      })),
    }),
  }),
  decisions({ results }, questions) {
    type Result = { resource: { kind: string }; actions: Record<string, string> };
    const byKind = new Map(results.map(({ resource, actions }: Result) => [resource.kind, actions] as const));
    const effects = byKind as Map<string, Result['actions']>;
    return questions.map(({ resource, action }) => effects.get(resource)?.[action] === 'EFFECT_ALLOW');
  },
};

/** Returns one window of `size` questions for each start position. A window continues at the start of the list. */
export const windows = (questions: Question[], size: number): Question[][] =>
  questions.map((_, at) =>
    Array.from({ length: size }, (__, n) => questions[(at * 7 + n) % questions.length] as Question),
  );

/** Throws if any decision differs from `expected`. Called before the measurement. */
export async function verify(
  { url }: Server,
  { request, decisions }: Dialect,
  asked: { questions: Question[]; caller: Caller }[],
  expected: Ask,
): Promise<void> {
  for (const { questions, caller } of asked) {
    const { method, headers, body } = request(questions, caller);
    const answer = await (await fetch(url, { method, headers, body })).json();
    const got = decisions(answer, questions);
    const wrong = questions.find((question, at) => got[at] !== expected(question));
    if (wrong) throw new Error(`${url}: ${wrong.permission} has a different decision: ${JSON.stringify(answer)}`);
  }
}
