import { PERMISSIONS, type Permission } from '../src/access/catalog.ts';
import { decide, type Grants, type Held } from '../src/access/decide.ts';
import { compileRole, roleByKey, type Statement } from '../src/access/roles.ts';

/**
 * What one decision costs in process, for a custom role of 1, 100 and 1,000 policies and for a member of 1 and 500
 * projects: each contender in turn, several rounds, the median of them. Policies are compiled once per version of the
 * organization's access, so their number must not show.
 */
const ROUNDS = 9;
const DECISIONS = 200_000;

const names = [...PERMISSIONS.keys()] as Permission[];

/** Mostly grants, and every fiftieth a denial of one of a few. */
const statementOf = (at: number): Statement =>
  at % 50 === 0
    ? { effect: 'DENY', permissions: [names[at % 9] as string] }
    : { effect: 'ALLOW', permissions: [names[at % names.length] as string, at % 3 === 0 ? '*:read' : 'dataset:*'] };

function heldWith(policies: number, projects: number): Held {
  const role = compileRole({
    id: 'role',
    name: 'Custom',
    description: null,
    projectId: null,
    policies: Array.from({ length: policies }, (_, at) => ({
      name: `policy ${at}`,
      statements: [statementOf(at + 1)],
    })),
  });
  const inProject = compileRole({
    id: 'own',
    name: 'Own',
    description: null,
    projectId: null,
    policies: [{ name: 'p', statements: [statementOf(1)] }],
  });
  const grants: Grants = {
    plan: 'ENTERPRISE',
    role,
    ended: null,
    projects: new Map(Array.from({ length: projects }, (_, at) => [`project ${at}`, inProject])),
    validUntil: Number.POSITIVE_INFINITY,
  };
  return { grants, access: 'WRITE' };
}

const builtIn: Held = { ...heldWith(1, 1), grants: { ...heldWith(1, 1).grants, role: roleByKey('write') } };

const contenders: [string, Held, string | null][] = [
  ['built-in role', builtIn, null],
  ['1 policy', heldWith(1, 1), null],
  ['100 policies', heldWith(100, 1), null],
  ['1,000 policies', heldWith(1000, 1), null],
  ['1,000 policies, one of 500 projects', heldWith(1000, 500), 'project 250'],
];

/** Nanoseconds per decision. */
function measure(held: Held, project: string | null): number {
  let allowed = 0;
  const start = process.hrtime.bigint();
  for (let at = 0; at < DECISIONS; at += 1)
    if (decide(held, names[at % names.length] as Permission, project).allowed) allowed += 1;
  const nanoseconds = Number(process.hrtime.bigint() - start) / DECISIONS;
  if (allowed === 0) throw new Error('nothing was allowed, so nothing was measured');
  return nanoseconds;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const times = contenders.map(() => [] as number[]);
for (let round = 0; round <= ROUNDS; round += 1)
  for (const [at, [, held, project]] of contenders.entries()) {
    const time = measure(held, project);
    // The first round warms up.
    if (round > 0) times[at]?.push(time);
  }
const medians = times.map(median);
console.table(
  contenders.map(([name], at) => ({
    'one decision': name,
    nanoseconds: Math.round(medians[at] ?? 0),
    ratio: ((medians[at] ?? 0) / (medians[0] ?? 1)).toFixed(2),
  })),
);
