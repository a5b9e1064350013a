import { canOnSome } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import type { Context } from '../../context.ts';

/** A report of the navigation. */
export interface OfferedReport {
  readonly text: string;
  readonly path: '/maturity' | '/campaigns';
  /** The permissions that the person does not have. Without any, the person can open the report. */
  readonly missing: readonly Permission[];
}

const REPORTS: readonly (Omit<OfferedReport, 'missing'> & { permissions: readonly Permission[] })[] = [
  { text: 'Maturity', path: '/maturity', permissions: ['check_result:read'] },
  { text: 'Campaigns', path: '/campaigns', permissions: ['campaign:read', 'check_result:read'] },
];

/** The reports, and what the person lacks for each. */
export const offeredReports = ({ unit: { access } }: Context): OfferedReport[] =>
  REPORTS.map(({ permissions, ...report }) => ({
    ...report,
    missing: permissions.filter((permission) => !canOnSome(access, permission)),
  }));
