import type { Role } from '../../src/access/model.ts';
import { roleByKey } from '../../src/access/roles.ts';
import { report } from '../harness/report.ts';
import { type Contender, inTurn } from '../harness/rounds.ts';
import { ambit, heldWith } from './ambit.ts';
import { abilityOf, casl, caslIn, flatAbilityOf } from './casl.ts';
import { type Asked, agreed, FAST, UNIT } from './measure.ts';
import { compile, type Policy, policiesOf, questionsAbout, rulesOf } from './role.ts';

/** Roles of different sizes, for Ambit and for CASL, the fastest of the other libraries. */
export async function roles(): Promise<void> {
  const contenders = [await builtIn(), await sized(1), await sized(100), await sized(1000), await inProjects()].flat();
  await report({
    workload: 'decide-roles',
    what: 'each permission in turn, by kind and size of the role: the number of policies must not show',
    unit: UNIT,
    higherIsBetter: true,
    outcomes: await inTurn([...contenders, ...(await granted()), ...(await refused())]),
    // The same limit as in the workload `growth`.
    targets: [{ of: 'Ambit, 1 policy', against: 'Ambit, 1,000 policies', atMost: 1.3 }],
    notes: ['A refusal costs more than a grant: its message and hint are put together.'],
  });
}

const both = (what: string, own: Asked['ask'], other: Asked['ask']): Asked[] => [
  { name: `Ambit, ${what}`, ask: own, passes: FAST },
  { name: `CASL, ${what}`, ask: other, passes: FAST },
];

function builtIn(): Promise<Contender[]> {
  const role = roleByKey('write');
  return agreed(both('built-in role', ambit(heldWith(role)), casl(flatAbilityOf(role))), questionsAbout(null));
}

const custom = (policies: Policy[], what: string): Asked[] =>
  both(what, ambit(heldWith(compile(policies))), casl(abilityOf(rulesOf(policies))));

const sized = (count: number): Promise<Contender[]> =>
  agreed(
    custom(policiesOf(count), `${count.toLocaleString('en')} ${count === 1 ? 'policy' : 'policies'}`),
    questionsAbout(null),
  );

/** The role in each project. It replaces the organization's grants, but the organization's denials still apply. */
const IN_PROJECT: Policy[] = [
  { name: 'work', statements: [{ effect: 'ALLOW', permissions: ['*:read', 'dataset:*', 'golden:*', 'trace:*'] }] },
  { name: 'keep', statements: [{ effect: 'DENY', permissions: ['trace:delete'] }] },
];

/** A member of 500 projects with a role of 1,000 policies. The questions are about every tenth project. */
function inProjects(): Promise<Contender[]> {
  const projects = Array.from({ length: 500 }, (_, at) => `project ${at}`);
  const policies = policiesOf(1000);
  const inEach = <Value>(value: Value): Map<string, Value> => new Map(projects.map((project) => [project, value]));
  const denials = rulesOf(policies).filter(({ effect }) => effect === 'DENY');
  const own = ambit(heldWith(compile(policies), inEach<Role | null>(compile(IN_PROJECT))));
  const other = caslIn(inEach(abilityOf([...rulesOf(IN_PROJECT), ...denials])));
  const questions = projects.filter((_, at) => at % 10 === 0).flatMap(questionsAbout);
  return agreed(both('one of 500 projects', own, other), questions);
}

const granted = (): Promise<Contender[]> => half('only what is granted', true);
const refused = (): Promise<Contender[]> => half('only what is refused', false);

function half(what: string, allowed: boolean): Promise<Contender[]> {
  const policies = policiesOf(1000);
  const { allow } = compile(policies);
  const questions = questionsAbout(null).filter(({ permission }) => allow.has(permission) === allowed);
  return agreed(custom(policies, what), questions);
}
