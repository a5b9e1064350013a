import { BUILT_IN_ROLES, PERMISSIONS, type Permission, PROJECT_ROLES } from '../../src/access/catalog.ts';
import { endpointsWith } from '../../src/access/endpoints.ts';
import { VARIABLES } from '../../src/config/variables.ts';
import { DEFAULT_PAGE, MAX_PAGE } from '../../src/db/page.ts';
import { permissionUses } from '../../src/graphql/permission-uses.ts';
import { MAX_ATTEMPTS } from '../../src/http/attempts.ts';
import { LIMITS } from '../../src/http/limits.ts';
import { METRICS } from '../../src/http/metrics/table.ts';
import { MAX_ERRORS } from '../../src/http/response-limit.ts';
import { ERROR_CODES, REFUSAL_REASONS, USER_ERROR_CODES } from '../../src/lib/errors.ts';
import { JOB_NAMES, JOBS } from '../../src/lib/jobs.ts';
import { limitText, type ROLE_LIMITS } from '../../src/lib/limits.ts';
import { type Entitlements, PLAN_NAMES, PLANS } from '../../src/lib/plans.ts';
import { RATE_LIMIT_NAMES, rateLimit } from '../../src/lib/rate-limits.ts';
import { FILTER_KEYS, keyRule } from '../../src/resources/filter/keys.ts';
import { buildSchema } from '../../src/schema.ts';

type Align = 'left' | 'center' | 'right';

const RULES: Record<Align, string> = { left: ' --- ', center: ' :-: ', right: ' --: ' };

interface Column {
  title: string;
  align?: Align;
}

const columns = (...titles: string[]): Column[] => titles.map((title) => ({ title }));

const marked = (titles: readonly string[]): Column[] => titles.map((title) => ({ title, align: 'center' }));

/** A table in Markdown. */
function table(head: Column[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  const rule = `|${head.map(({ align = 'left' }) => RULES[align]).join('|')}|`;
  return [line(head.map(({ title }) => title)), rule, ...rows.map(line)].join('\n');
}

const code = (text: string): string => `\`${text}\``;

const mark = (has: boolean): string => (has ? '●' : '');

/** A table of names and their descriptions. */
const described = (title: string, texts: Record<string, string>): string =>
  table(
    columns(title, 'description'),
    Object.entries(texts).map(([name, text]) => [code(name), text]),
  );

function organizationRoles(): string {
  const roles = [...BUILT_IN_ROLES].reverse();
  const rows = [...PERMISSIONS.values()].map(({ name, level, description, builtInRoles }) => [
    code(name),
    level,
    ...roles.map((role) => mark(builtInRoles.includes(role))),
    description,
  ]);
  return table([...columns('permission', 'level'), ...marked(roles), ...columns('description')], rows);
}

function projectRoles(): string {
  const roles = [...PROJECT_ROLES].reverse();
  const rows = [...PERMISSIONS.values()]
    .filter(({ level }) => level !== 'organization')
    .map(({ name, projectRoles }) => [code(name), ...roles.map((role) => mark(projectRoles.includes(role)))]);
  return table([...columns('permission'), ...marked(roles)], rows);
}

/** What requires each permission: elements of the schema and HTTP endpoints. Permissions that nothing requires are last. */
function uses(): string {
  const used = permissionUses(buildSchema());
  const of = (name: Permission): string[] => [...(used.get(name) ?? []), ...endpointsWith(name)];
  const names = [...PERMISSIONS.keys()] as Permission[];
  const rows = names.filter((name) => of(name).length > 0).map((name) => [code(name), of(name).map(code).join(' ')]);
  const unused = names.filter((name) => of(name).length === 0).map(code);
  const rest = `These ${unused.length} permissions are required by nothing yet. They can be used in policies, and \`authorize\` answers for them: ${unused.join(', ')}.`;
  return `${table(columns('permission', 'required by'), rows)}\n\n${rest}`;
}

const metrics = (): string =>
  table(
    columns('metric', 'type', 'labels', 'description'),
    Object.entries(METRICS).map(([name, { type, labels, help }]) => [
      code(name),
      type,
      labels.map(code).join(', '),
      help,
    ]),
  );

function configuration(): string {
  const rows = Object.entries(VARIABLES).map(([name, schema]) => {
    const value = schema.safeParse(undefined).data;
    const text = Array.isArray(value) ? value.join(',') : String(value ?? '');
    return [code(name), text && code(text), schema.description ?? ''];
  });
  return table(columns('variable', 'default', 'description'), rows);
}

function jobs(): string {
  const head: Column[] = [
    ...columns('job', 'what it does'),
    { title: 'retries', align: 'right' },
    { title: 'days it is kept', align: 'right' },
  ];
  const rows = JOB_NAMES.map((name) => {
    const { description, retries, keepDays } = JOBS[name];
    return [code(name), description, String(retries), String(keepDays)];
  });
  return table(head, rows);
}

const ENTITLEMENTS: Record<keyof Entitlements, string> = {
  customRoles: 'Custom roles and custom policies',
  projectRoles: 'Roles of single projects',
  enforcedSso: 'Enforced single sign-on',
  seats: 'Members, including pending invitations',
  projects: 'Projects',
  apiKeysPerProject: 'API keys of one project',
  requestsPerMinute: '[Requests](#requests-per-minute) in a minute with one session, API token or API key',
  organizationRequestsPerMinute: '[Requests](#requests-per-minute) in a minute of the whole organization',
};

const amount = (value: boolean | number | null): string =>
  typeof value === 'boolean' ? mark(value) : (value?.toLocaleString('en') ?? 'unlimited');

function plans(): string {
  const features = Object.keys(PLANS.FREE) as (keyof Entitlements)[];
  const rows = features.map((feature) => [
    ENTITLEMENTS[feature],
    code(feature),
    ...PLAN_NAMES.map((plan) => amount(PLANS[plan][feature])),
  ]);
  return table([...columns('entitlement', 'name'), ...marked(PLAN_NAMES)], rows);
}

const MEASURES: Record<keyof typeof LIMITS, string> = {
  characters: 'Characters of the document',
  lines: 'Lines of the document',
  tokens: 'Tokens of the document',
  aliases: 'Aliases of the document',
  directives: 'Directives of the document',
  depth: 'Levels of nested fields',
  cost: 'Cost of the operation',
  validationErrors: 'Validation errors that are reported',
  schemas: '`__schema` in an operation',
  types: '`__type` in an operation',
};

const ROLE_MEASURES: Record<keyof typeof ROLE_LIMITS, string> = {
  patternsPerStatement: 'Permissions and patterns of a statement',
  statementsPerPolicy: 'Statements of a policy, and of a role itself',
  patternsPerPolicy: 'Permissions and patterns of a policy',
  policiesPerRole: 'Policies of a role',
  patternsPerRole: 'Permissions and patterns of a role, in its own statements and its policies',
  roles: 'Custom roles of an organization and its projects',
  policies: 'Policies of an organization and its projects',
};

function roleLimits(): string {
  const rows = Object.entries(ROLE_MEASURES).map(([name, text]) => [text, limitText(name as keyof typeof ROLE_LIMITS)]);
  return table([...columns('limit'), { title: 'value', align: 'right' }], rows);
}

function limits(): string {
  const rows = Object.entries(MEASURES).map(([name, text]): [string, number] => [
    text,
    LIMITS[name as keyof typeof LIMITS],
  ]);
  rows.push(['Attempts to use a password or a secret, such as `signIn` and `invitationOffer`', MAX_ATTEMPTS]);
  rows.push(['Errors in a response', MAX_ERRORS]);
  rows.push(['Items of a page', MAX_PAGE], ['Items of a page if neither `first` nor `last` is given', DEFAULT_PAGE]);
  return table(
    [...columns('limit'), { title: 'value', align: 'right' }],
    rows.map(([text, value]) => [text, value.toLocaleString('en')]),
  );
}

function duration(minutes: number): string {
  if (minutes < 60) return `${minutes} minutes`;
  return minutes === 60 ? '1 hour' : `${minutes / 60} hours`;
}

const rateLimits = (): string =>
  table(
    [
      ...columns('name', 'what is counted', 'for each'),
      { title: 'limit', align: 'right' },
      ...columns('period', 'changed by'),
    ],
    RATE_LIMIT_NAMES.map((name) => {
      const { counts, per, points, minutes, variable = 'RATE_LIMITS' } = rateLimit(name);
      return [code(name), counts, per, points.toLocaleString('en'), duration(minutes), code(variable)];
    }),
  );

function filterKeys(): string {
  const rows = FILTER_KEYS.map((key) => {
    const { description, keyData, keyDataRequired, operators } = keyRule(key);
    const data = keyData === 'NONE' ? '' : `${code(keyData)}${keyDataRequired ? '' : ', optional'}`;
    const kinds = Map.groupBy(Object.entries(operators), ([, kind]) => kind);
    const byKind = [...kinds].map(
      ([kind, entries]) => `${code(kind)}: ${entries.map(([operator]) => code(operator)).join(' ')}`,
    );
    return [code(key), description, data, byKind.join('<br>')];
  });
  return table(columns('key', 'compares', '`keyData`', 'operators by the kind of `value`'), rows);
}

/** The generated tables of each document, by name. */
export const TABLES: Record<string, Record<string, () => string>> = {
  'docs/permissions.md': { 'organization roles': organizationRoles, 'project roles': projectRoles, uses },
  'docs/configuration.md': { configuration },
  'docs/errors.md': {
    'error codes': () => described('code', ERROR_CODES),
    'input error codes': () => described('code', USER_ERROR_CODES),
    reasons: () => described('reason', REFUSAL_REASONS),
  },
  'docs/filters.md': { 'filter keys': filterKeys },
  'docs/operations.md': { jobs, metrics },
  'docs/plans-and-limits.md': { plans, 'role limits': roleLimits, limits, 'rate limits': rateLimits },
};
