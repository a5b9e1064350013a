import { and, eq } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { Permission } from '../../access/catalog.ts';
import { type Context, db, tenant } from '../../context.ts';
import type { TenantTable } from '../../data/rows.ts';
import { isAnyOf } from '../../db/array.ts';
import { type UserError, type UserErrorCode, userError } from '../../lib/errors.ts';
import { fromPublicId, type IdPrefix } from '../../lib/ids.ts';
import { singleLine } from '../../lib/input.ts';
import { isStorableTime } from '../../lib/storable.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { propertyDefinitions } from '../property-definition/table.ts';
import { teams } from '../team/table.ts';
import { tiers } from '../tier/table.ts';
import { NUMBER } from './compare.ts';
import type { Predicate } from './compile.ts';
import { type FilterKey, keyRule, type ValueKind, valueKindOf } from './keys.ts';
import type { Operator } from './operators.ts';
import { problemOfRegex } from './regex.ts';
import { filters } from './table.ts';

/** A predicate as an input gives it. */
export interface GivenPredicate {
  readonly key: FilterKey;
  readonly keyData?: string | null | undefined;
  readonly operator: Operator;
  readonly value?: string | null | undefined;
  readonly caseSensitive: boolean;
}

/** The most predicates of one filter, without those of nested filters. */
export const MAX_PREDICATES = 50;
/** The most characters of a value. */
export const MAX_VALUE = 1_000;
/** The most characters of the key of a tag, or of the category of a link. */
export const MAX_KEY_DATA = 100;

type Column = 'teamId' | 'tierId' | 'lifecycleId' | 'definitionId' | 'nestedId';

interface ReferenceKind {
  readonly column: Column;
  readonly table: TenantTable;
  readonly prefix: IdPrefix;
  readonly noun: string;
  /** The permission to see the objects. */
  readonly permission: Permission;
}

/** The objects that a predicate can refer to. */
export const REFERENCES: readonly ReferenceKind[] = [
  { column: 'teamId', table: teams, prefix: 'tea', noun: 'team', permission: 'team:read' },
  { column: 'tierId', table: tiers, prefix: 'tie', noun: 'tier', permission: 'tier:read' },
  { column: 'lifecycleId', table: lifecycles, prefix: 'lif', noun: 'lifecycle', permission: 'lifecycle:read' },
  {
    column: 'definitionId',
    table: propertyDefinitions,
    prefix: 'prd',
    noun: 'property definition',
    permission: 'property_definition:read',
  },
  { column: 'nestedId', table: filters, prefix: 'fil', noun: 'filter', permission: 'filter:read' },
];

const COLUMN_OF_KIND: Readonly<Partial<Record<ValueKind, Column>>> = {
  TEAM: 'teamId',
  TIER: 'tierId',
  LIFECYCLE: 'lifecycleId',
  FILTER: 'nestedId',
};

const referenceAt = (column: Column): ReferenceKind =>
  REFERENCES.find((reference) => reference.column === column) as ReferenceKind;

interface Problem {
  readonly code: UserErrorCode;
  readonly field: keyof GivenPredicate;
  readonly message: string;
}

type Checked = { -readonly [Key in keyof Predicate]: Predicate[Key] };

const NO_REFERENCES = { teamId: null, tierId: null, lifecycleId: null, definitionId: null, nestedId: null };

/** Checks predicates by the table of keys, and that the objects exist which they refer to. Reports all errors at once. */
export async function checkPredicates(
  ctx: Context,
  given: readonly GivenPredicate[],
): Promise<{ predicates: Predicate[]; errors: UserError[] }> {
  if (given.length === 0) return refused('TOO_SHORT', 'must have at least one predicate');
  if (given.length > MAX_PREDICATES) return refused('TOO_LONG', `must have at most ${MAX_PREDICATES} predicates`);
  const checked = given.map(checkOne);
  const missing = await missingReferences(
    ctx,
    checked.map(({ predicate }) => predicate),
  );
  const errors = checked.flatMap(({ problems }, at) => [...problems, ...(missing[at] ?? [])].map(errorAt(at)));
  return { predicates: checked.map(({ predicate }) => predicate), errors };
}

const refused = (code: UserErrorCode, message: string) => ({
  predicates: [],
  errors: [userError(code, 'predicates', `predicates: ${message}.`)],
});

const errorAt =
  (at: number) =>
  ({ code, field, message }: Problem): UserError =>
    userError(code, ['predicates', String(at), field], `predicates.${at}.${field}: ${message}.`);

function checkOne({ key, operator, caseSensitive, ...given }: GivenPredicate): {
  predicate: Checked;
  problems: Problem[];
} {
  const predicate: Checked = { ...NO_REFERENCES, key, keyData: null, operator, value: null, caseSensitive };
  const problems = [checkKeyData(predicate, given.keyData ?? null)];
  const kind = valueKindOf(key, operator);
  if (kind) problems.push(checkValue(predicate, kind, given.value ?? null));
  else problems.push(invalid('operator', `is not valid for ${key}. Valid are ${operatorsOf(key)}`));
  return { predicate, problems: problems.filter((problem) => problem !== null) };
}

const invalid = (field: keyof GivenPredicate, message: string): Problem => ({ code: 'INVALID', field, message });
const required = (field: keyof GivenPredicate, message: string): Problem => ({ code: 'REQUIRED', field, message });

const operatorsOf = (key: FilterKey): string => Object.keys(keyRule(key).operators).join(', ');

function checkKeyData(predicate: Checked, given: string | null): Problem | null {
  const { keyData: kind, keyDataRequired } = keyRule(predicate.key);
  if (kind === 'NONE') return given === null ? null : invalid('keyData', `${predicate.key} takes no key data`);
  if (given === null) return keyDataRequired ? required('keyData', `is required for ${predicate.key}`) : null;
  if (kind === 'PROPERTY_DEFINITION') return refer(predicate, 'definitionId', 'keyData', given);
  // As the key of a tag and the category of a link are stored.
  predicate.keyData = given.trim();
  return problemOfText('keyData', given, MAX_KEY_DATA);
}

function problemOfText(field: keyof GivenPredicate, text: string, max: number): Problem | null {
  if (text.trim() === '') return { code: 'TOO_SHORT', field, message: 'must not be empty' };
  if (text.length > max) return { code: 'TOO_LONG', field, message: `must have at most ${max} characters` };
  const problem = singleLine(max).safeParse(text).error?.issues[0];
  return problem ? invalid(field, problem.message) : null;
}

function checkValue(predicate: Checked, kind: ValueKind, given: string | null): Problem | null {
  const { operator } = predicate;
  if (kind === 'NONE') return given === null ? null : invalid('value', `${operator} takes no value`);
  if (given === null) return required('value', `is required for ${operator}`);
  const column = COLUMN_OF_KIND[kind];
  if (column) return refer(predicate, column, 'value', given);
  predicate.value = given;
  return problemOfText('value', given, MAX_VALUE) ?? checkFormat(predicate, kind, given);
}

function checkFormat(predicate: Checked, kind: ValueKind, given: string): Problem | null {
  if (kind === 'NUMBER')
    return NUMBER.test(given) ? null : invalid('value', 'must be a decimal number with at most 15 digits, such as 2.5');
  if (kind === 'REGEX') {
    const problem = problemOfRegex(given);
    return problem === null ? null : invalid('value', problem.replace(/\.$/, ''));
  }
  if (kind !== 'TIME') return null;
  const time = RFC_3339.test(given) ? new Date(given) : new Date(Number.NaN);
  if (Number.isNaN(time.getTime()) || !isStorableTime(time))
    return invalid('value', 'must be a time such as 2026-01-31T09:30:00Z');
  predicate.value = time.toISOString();
  return null;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;

function refer(predicate: Checked, column: Column, field: 'keyData' | 'value', given: string): Problem | null {
  const { prefix, noun } = referenceAt(column);
  const id = fromPublicId(prefix, given);
  predicate[column] = id;
  return id ? null : notFound(field, noun);
}

const notFound = (field: keyof GivenPredicate, noun: string): Problem => ({
  code: 'NOT_FOUND',
  field,
  message: `there is no ${noun} with this ID`,
});

/** The problems of each predicate with the objects that it refers to. Uses one statement for each kind of object. */
async function missingReferences(ctx: Context, predicates: readonly Predicate[]): Promise<Problem[][]> {
  const found = new Map<Column, ReadonlySet<string>>();
  for (const reference of REFERENCES) {
    const ids = predicates.flatMap((predicate) => predicate[reference.column] ?? []);
    if (ids.length > 0) found.set(reference.column, await visibleIn(ctx, reference, ids));
  }
  return predicates.map((predicate) =>
    REFERENCES.flatMap(({ column, noun }): Problem[] => {
      const id = predicate[column];
      const field = column === 'definitionId' ? 'keyData' : 'value';
      return id === null || found.get(column)?.has(id) ? [] : [notFound(field, noun)];
    }),
  );
}

/** Which of these objects exist and are visible to the caller. */
async function visibleIn(
  ctx: Context,
  { table, permission }: ReferenceKind,
  ids: readonly string[],
): Promise<Set<string>> {
  if (!ctx.unit.access.can(permission)) return new Set();
  const rows = await (await db(ctx))
    .select({ id: table.id })
    .from(table as PgTable)
    .where(and(eq(table.organizationId, tenant(ctx)), isAnyOf(table.id, ids)));
  return new Set(rows.map(({ id }) => id as string));
}
