import { type Database, withDatabase } from '../harness/database.ts';
import { ambit, race, type Side } from '../harness/race.ts';
import { report } from '../harness/report.ts';
import type { Outcome } from '../harness/rounds.ts';
import { heldWith, ambit as inProcess } from './ambit.ts';
import { askAmbit, askCerbos, type Dialect, verify, windows } from './ask.ts';
import { startCerbos } from './cerbos.ts';
import { type Caller, customize } from './organization.ts';
import { compile, distinct, policiesOf, type Question, questionsAbout, type Rule, rulesOf } from './role.ts';

const POLICIES = policiesOf(1000);
const SIZES = [1, 100];

/** Contents of the database. The roles are added by `decideSides`. */
export const DECIDE = { checks: 10, members: 10 };

/** Decisions over HTTP: Ambit with its default configuration, its database and all enforcement layers, and Cerbos. */
export const run = (): Promise<void> =>
  withDatabase(async (server) => {
    const database = await server.create('bench_decide', DECIDE);
    const callers = await customize(database, POLICIES);
    for (const size of SIZES) await measure(size, await race(sidesOf(database, callers, size)), callers.length);
  });

/** Ambit and Cerbos. Adds the roles to the database. */
export async function decideSides(database: Database, size: number): Promise<Side[]> {
  return sidesOf(database, await customize(database, POLICIES), size);
}

function sidesOf(database: Database, callers: Caller[], size: number): Side[] {
  const organization = windows(questionsAbout(null), size);
  const project = windows(questionsAbout('their own'), size);
  const rules = rulesOf(POLICIES);
  const own = (name: string, asked: Question[][]): Side => ({
    ...ambit(database, [], name),
    ...asking(askAmbit, asked, callers),
  });
  const cerbos = (name: string, of: Rule[]): Side => ({
    name,
    start: () => startCerbos(of),
    ...asking(askCerbos, organization, callers),
  });
  return [
    own('Ambit', organization),
    own('Ambit, about a project', project),
    cerbos('Cerbos', rules),
    cerbos('Cerbos, each rule once', distinct(rules)),
  ];
}

/** Each caller sends one of the windows. It was sent once before the measurement, so the caller's grants are cached. */
function asking(dialect: Dialect, asked: Question[][], callers: Caller[]): Pick<Side, 'requests' | 'verify'> {
  const all = callers.map((caller, at) => ({ caller, questions: asked[at % asked.length] as Question[] }));
  return {
    requests: all.map(({ caller, questions }) => dialect.request(questions, caller)),
    verify: (server) => verify(server, dialect, all, inProcess(heldWith(compile(POLICIES)))),
  };
}

async function measure(size: number, outcomes: Outcome[], callers: number): Promise<void> {
  await report({
    workload: `decide-http-${size}`,
    what: `${size} decision${size === 1 ? '' : 's'} per request, by a role of ${POLICIES.length.toLocaleString('en')} policies`,
    unit: 'requests/s',
    higherIsBetter: true,
    outcomes,
    targets: [{ of: 'Ambit', against: 'Cerbos', atLeast: size === 1 ? 1.5 : 8 }],
    notes: [
      `Ambit looks up the API token of one of ${callers} members of 20 organizations in Postgres; Cerbos has no database and uses the role that the request names.`,
      'One process of Ambit; Cerbos uses all processors. Load generator and Postgres are on the same machine.',
      `Cerbos has each policy as a rule of its own, as Ambit has; "each rule once" has only the ${distinct(rulesOf(POLICIES)).length} different ones.`,
    ],
  });
}
