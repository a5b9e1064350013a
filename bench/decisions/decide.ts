import { report } from '../harness/report.ts';
import { inTurn } from '../harness/rounds.ts';
import { ambit, heldWith } from './ambit.ts';
import { casbin, casbinCached } from './casbin.ts';
import { abilityOf, casl, flatAbilityOf } from './casl.ts';
import { cedar } from './cedar.ts';
import { type Asked, agreed, FAST, UNIT } from './measure.ts';
import { compile, distinct, policiesOf, questionsAbout, rulesOf } from './role.ts';
import { roles } from './sizes.ts';

/** Decisions in the process: Ambit and the libraries, then roles of other sizes. */
export async function run(): Promise<void> {
  await libraries();
  await roles();
}

async function libraries(): Promise<void> {
  const policies = policiesOf(1000);
  const rules = rulesOf(policies);
  const role = compile(policies);
  const questions = questionsAbout(null);
  const contenders: Asked[] = [
    { name: 'Ambit', ask: ambit(heldWith(role)), passes: FAST },
    { name: 'CASL', ask: casl(abilityOf(rules)), passes: FAST },
    { name: 'CASL, flattened by hand', ask: casl(flatAbilityOf(role)), passes: FAST },
    { name: 'casbin', ask: await casbin(rules), passes: 10 },
    { name: 'casbin, cached', ask: await casbinCached(rules), passes: 1000, waits: true },
    { name: 'Cedar', ask: cedar(rules), passes: 1 },
  ];
  await report({
    workload: 'decide',
    what: `each permission of the catalog in turn, by a role of 1,000 policies (${rules.length} rules)`,
    unit: UNIT,
    higherIsBetter: true,
    outcomes: await inTurn(await agreed(contenders, questions)),
    targets: [
      { of: 'Ambit', against: 'CASL', atLeast: 3 },
      // Less than a microsecond per decision.
      { of: 'Ambit', atLeast: 1_000_000 },
    ],
    notes: [
      'Ambit answers with the role that grants it, or with a reason, a message and a hint; the others with yes or no.',
      `casbin takes no rule twice and has ${distinct(rules).length}; CASL flattened has one for each of ${role.allow.size} permissions.`,
    ],
  });
}
