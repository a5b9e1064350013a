import { ambitOn, withDatabase } from '../harness/database.ts';
import { requestsPerSecond } from '../harness/load.ts';
import { report } from '../harness/report.ts';
import { type Contender, inTurn } from '../harness/rounds.ts';
import { type Server, startAmbit } from '../harness/server.ts';
import { ambit, heldWith } from './ambit.ts';
import { askAmbit, askCerbos, type Dialect, verify, windows } from './ask.ts';
import { startCerbos } from './cerbos.ts';
import { type Caller, customize } from './organization.ts';
import { compile, distinct, policiesOf, type Question, questionsAbout, rulesOf } from './role.ts';

const POLICIES = policiesOf(1000);
const SIZES = [1, 100];

/** Decisions over HTTP: Ambit with its default configuration, its database and all enforcement layers, and Cerbos. */
export const run = (): Promise<void> =>
  withDatabase(async (database) => {
    const own = await database.create('bench_decide', { checks: 10, members: 10 });
    const callers = await customize(own, POLICIES);
    const servers: Server[] = [];
    try {
      servers.push(await startAmbit(ambitOn(own)));
      servers.push(await startCerbos(rulesOf(POLICIES)));
      servers.push(await startCerbos(distinct(rulesOf(POLICIES))));
      for (const size of SIZES) await measure(size, servers, callers);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });

async function measure(size: number, servers: Server[], callers: Caller[]): Promise<void> {
  const [own, cerbos, brief] = servers as [Server, Server, Server];
  const organization = windows(questionsAbout(null), size);
  const project = windows(questionsAbout('their own'), size);
  const outcomes = await inTurn([
    await contender('Ambit', own, askAmbit, organization, callers),
    await contender('Ambit, about a project', own, askAmbit, project, callers),
    await contender('Cerbos', cerbos, askCerbos, organization, callers),
    await contender('Cerbos, each rule once', brief, askCerbos, organization, callers),
  ]);
  await report({
    workload: `decide-http-${size}`,
    what: `${size} decision${size === 1 ? '' : 's'} per request, by a role of ${POLICIES.length.toLocaleString('en')} policies`,
    unit: 'requests/s',
    higherIsBetter: true,
    outcomes,
    targets: [{ of: 'Ambit', against: 'Cerbos', atLeast: 5 }],
    notes: [
      `Ambit looks up the API token of one of ${callers.length} members of 20 organizations in Postgres; Cerbos has no database and believes the role that the request names.`,
      'One process of Ambit; Cerbos uses all processors. Load generator and Postgres are on the same machine.',
      `Cerbos has each policy as a rule of its own, as Ambit has; "each rule once" has only the ${distinct(rulesOf(POLICIES)).length} different ones.`,
    ],
  });
}

/** Each caller sends one of the windows. It was sent once before the measurement, so the caller's grants are cached. */
async function contender(
  name: string,
  server: Server,
  dialect: Dialect,
  asked: Question[][],
  callers: Caller[],
): Promise<Contender> {
  const all = callers.map((caller, at) => ({ caller, questions: asked[at % asked.length] as Question[] }));
  await verify(server, dialect, all, ambit(heldWith(compile(POLICIES))));
  const requests = all.map(({ caller, questions }) => dialect.request(questions, caller));
  return { name, measure: () => requestsPerSecond(server, requests) };
}
