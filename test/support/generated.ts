import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { BUILT_IN_ROLES, PERMISSIONS } from '../../src/access/catalog.ts';
import { VARIABLES } from '../../src/config.ts';
import { REFUSAL_REASONS } from '../../src/lib/errors.ts';
import { type Entitlements, PLAN_NAMES, PLANS } from '../../src/lib/plans.ts';
import { buildSchema } from '../../src/schema.ts';

/** What `schema.graphql` must hold. */
export const printedSchema = (): string =>
  `${printSchemaWithDirectives(buildSchema(), { pathToDirectivesInExtensions: ['directives'] })}\n`;

function permissionTable(): string {
  const roles = [...BUILT_IN_ROLES].reverse();
  const rows = [...PERMISSIONS.values()].map(({ name, description, builtInRoles }) => {
    const marks = roles.map((role) => (builtInRoles.includes(role) ? '●' : ''));
    return `| \`${name}\` | ${marks.join(' | ')} | ${description} |`;
  });
  return [`| permission | ${roles.join(' | ')} | |`, `| --- |${' :-: |'.repeat(roles.length)} --- |`, ...rows].join(
    '\n',
  );
}

function configurationTable(): string {
  const rows = Object.entries(VARIABLES).map(([name, schema]) => {
    const standard = schema.safeParse(undefined).data;
    const shown = Array.isArray(standard) ? standard.join(',') : (standard ?? '');
    return `| \`${name}\` | ${shown === '' ? '' : `\`${shown}\``} | ${schema.description ?? ''} |`;
  });
  return ['| variable | default | |', '| --- | --- | --- |', ...rows].join('\n');
}

const reasonTable = (): string =>
  [
    '| reason | |',
    '| --- | --- |',
    ...Object.entries(REFUSAL_REASONS).map(([reason, text]) => `| \`${reason}\` | ${text} |`),
  ].join('\n');

function planTable(): string {
  const features = Object.keys(PLANS.FREE) as (keyof Entitlements)[];
  const cell = (value: boolean | number | null): string =>
    value === null ? '∞' : value === true ? '●' : value === false ? '' : String(value);
  const rows = features.map(
    (feature) => `| ${feature} | ${PLAN_NAMES.map((plan) => cell(PLANS[plan][feature])).join(' | ')} |`,
  );
  return [`| | ${PLAN_NAMES.join(' | ')} |`, `| --- |${' :-: |'.repeat(PLAN_NAMES.length)}`, ...rows].join('\n');
}

const TABLES = {
  reasons: reasonTable,
  plans: planTable,
  permissions: permissionTable,
  configuration: configurationTable,
};

/** The README with its generated tables as they should be. */
export function withTables(readme: string): string {
  let text = readme;
  for (const [name, table] of Object.entries(TABLES)) {
    const [begin, end] = [`<!-- ${name}: generated -->`, `<!-- ${name}: end -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`README.md has lost its marks ${begin} … ${end}`);
    text = `${text.slice(0, from)}${begin}\n${table()}\n${text.slice(to)}`;
  }
  return text;
}
