import { lazily } from '../lib/lazy.ts';
import type { Statement } from '../resources/policy/table.ts';
import { PERMISSIONS, type Permission } from './catalog.ts';
import type { Role, RoleSummary } from './model.ts';
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
  const bitsOf = (effect: Statement['effect']): Bits => {
    const own = statements.filter((statement) => statement.effect === effect);
    // Statements often repeat patterns, and one pattern can match every permission.
    const patterns = new Set(own.flatMap(({ permissions }) => permissions));
    let bits = 0n;
    for (const pattern of patterns) for (const name of matchingPermissions(pattern)) bits |= BITS.get(name) ?? 0n;
    return bits;
  };
  return { allow: bitsOf('ALLOW'), deny: bitsOf('DENY') };
}

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
    neverOverridden: false,
    decisions: {},
  };
}

type Resolved = Pick<Role, 'allow' | 'impliesProjectRead' | 'deny'>;

/** A denial wins, whatever the order. */
function resolve(own: CompiledStatements, policies: readonly CompiledPolicy[]): Resolved {
  const deny = new Map<Permission, string | null>();
  let [allowed, denied] = [0n, 0n];
  for (const { name, ...part } of [{ ...own, name: null }, ...policies]) {
    for (const permission of permissionsIn(part.deny & ~denied)) deny.set(permission, name);
    allowed |= part.allow;
    denied |= part.deny;
  }
  const granted = allowed & ~denied;
  const impliesProjectRead = deny.has('project:read') ? null : findImplication(permissionsIn(granted));
  const implied = impliesProjectRead ? (BITS.get('project:read') ?? 0n) : 0n;
  return { allow: new Set(permissionsIn(granted | implied)), impliesProjectRead, deny };
}

/** Whoever may do something in a project sees it: a permission of level `project` implies `project:read`. */
const findImplication = (granted: readonly Permission[]): Permission | null =>
  granted.includes('project:read')
    ? null
    : (granted.find((name) => PERMISSIONS.get(name)?.level === 'project') ?? null);
