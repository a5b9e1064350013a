import { lazily } from '../lib/lazy.ts';
import { patternsOf, type Statement } from '../resources/policy/table.ts';
import { PERMISSIONS, type Permission } from './catalog.ts';
import type { Role, RoleSummary } from './model.ts';
import { SERVICE_PERMISSIONS } from './ownership.ts';
import { matchingPermissions } from './pattern.ts';

/**
 * A set of permissions as bits, in the order of the catalog. A role can have many policies, and a policy can match every
 * permission. Bits make a union one operation, and a policy that is cached takes a few bytes instead of its patterns.
 */
type Bits = bigint;

const BITS: ReadonlyMap<Permission, Bits> = new Map(
  [...PERMISSIONS.keys()].map((name, at) => [name as Permission, 1n << BigInt(at)]),
);

const permissionsIn = (bits: Bits): Permission[] =>
  [...BITS].filter(([, bit]) => (bits & bit) !== 0n).map(([name]) => name);

/** Statements, resolved to permissions. */
export interface CompiledStatements {
  readonly allow: Bits;
  readonly deny: Bits;
  /** Of the statements with the condition `ownedByPrincipal`. */
  readonly allowIfOwned: Bits;
  readonly denyIfOwned: Bits;
}

export interface CompiledPolicy extends CompiledStatements {
  readonly name: string;
}

export interface PolicySource {
  name: string;
  statements: readonly Statement[];
}

/** Resolves patterns to permissions. A pattern that matches no permission is ignored. */
export function compileStatements(statements: readonly Statement[]): CompiledStatements {
  const bitsOf = (effect: Statement['effect'], isConditional: boolean): Bits => {
    const own = statements.filter((one) => one.effect === effect && (one.ifOwned !== undefined) === isConditional);
    // Statements often repeat patterns, and one pattern can match every permission.
    const patterns = new Set(own.flatMap(patternsOf));
    let bits = 0n;
    for (const pattern of patterns) for (const name of matchingPermissions(pattern)) bits |= BITS.get(name) ?? 0n;
    return bits;
  };
  return {
    allow: bitsOf('ALLOW', false),
    deny: bitsOf('DENY', false),
    allowIfOwned: bitsOf('ALLOW', true) & ON_SERVICES,
    denyIfOwned: bitsOf('DENY', true) & ON_SERVICES,
  };
}

const ON_SERVICES: Bits = SERVICE_PERMISSIONS.reduce((bits, name) => bits | (BITS.get(name) ?? 0n), 0n);

export const compilePolicy = ({ name, statements }: PolicySource): CompiledPolicy => ({
  name,
  ...compileStatements(statements),
});

/** The columns of a custom role. */
export type RoleFacts = Pick<RoleSummary, 'id' | 'name' | 'description' | 'projectId'>;

export const summaryOf = ({ id, name, description, projectId }: RoleFacts): RoleSummary => ({
  id,
  name,
  description,
  builtIn: null,
  scope: projectId ? 'project' : 'both',
  projectId,
});

/** A custom role. Its permissions are computed when they are first needed. */
export function customRole(facts: RoleFacts, own: CompiledStatements, policies: readonly CompiledPolicy[]): Role {
  const resolved = lazily(() => resolve(own, policies));
  return {
    ...summaryOf(facts),
    get allow() {
      return resolved().allow;
    },
    get impliesProjectRead() {
      return resolved().impliesProjectRead;
    },
    get deny() {
      return resolved().deny;
    },
    get allowIfOwned() {
      return resolved().allowIfOwned;
    },
    get denyIfOwned() {
      return resolved().denyIfOwned;
    },
    hasCondition: [own, ...policies].some((part) => (part.allowIfOwned | part.denyIfOwned) !== 0n),
    neverOverridden: false,
    decisions: {},
  };
}

/** No custom role grants it, because only an Owner can make an Owner. */
const OF_OWNERS: Bits = BITS.get('organization:transfer') ?? 0n;

type Resolved = Pick<Role, 'allow' | 'impliesProjectRead' | 'deny' | 'allowIfOwned' | 'denyIfOwned'>;

/** A denial wins, whatever the order. */
function resolve(own: CompiledStatements, policies: readonly CompiledPolicy[]): Resolved {
  const parts = [{ ...own, name: null }, ...policies];
  const unionOf = (effect: keyof CompiledStatements): Bits => parts.reduce((bits, part) => bits | part[effect], 0n);
  const [allowed, denied, deniedIfOwned] = [unionOf('allow'), unionOf('deny'), unionOf('denyIfOwned')];
  const deny = denialsOf(parts, 'deny', 0n);
  const granted = allowed & ~denied & ~OF_OWNERS;
  const impliesProjectRead = deny.has('project:read') ? null : findImplication(permissionsIn(granted));
  const implied = impliesProjectRead ? (BITS.get('project:read') ?? 0n) : 0n;
  return {
    allow: new Set(permissionsIn(granted | implied)),
    impliesProjectRead,
    deny,
    allowIfOwned: new Set(permissionsIn(unionOf('allowIfOwned') & ~granted & ~denied & ~deniedIfOwned)),
    denyIfOwned: denialsOf(parts, 'denyIfOwned', denied),
  };
}

/** The denied permissions, except these, with the name of the first part that denies each. */
function denialsOf(
  parts: readonly (CompiledStatements & { name: string | null })[],
  effect: 'deny' | 'denyIfOwned',
  except: Bits,
): Map<Permission, string | null> {
  const denials = new Map<Permission, string | null>();
  let known = except;
  for (const { name, [effect]: bits } of parts) {
    for (const permission of permissionsIn(bits & ~known)) denials.set(permission, name);
    known |= bits;
  }
  return denials;
}

/** Whoever may do something in a project sees it: a permission of level `project` implies `project:read`. */
const findImplication = (granted: readonly Permission[]): Permission | null =>
  granted.includes('project:read')
    ? null
    : (granted.find((name) => PERMISSIONS.get(name)?.level === 'project') ?? null);
