import { canOnSome } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import type { Context } from '../../context.ts';

/** A report in the navigation. */
export interface OfferedReport {
  readonly text: string;
  readonly path: '/maturity' | '/campaigns';
  /** The required permissions that the person does not have. If it is empty, the person can open the report. */
  readonly missing: readonly Permission[];
}

const REPORTS: readonly (Omit<OfferedReport, 'missing'> & { permissions: readonly Permission[] })[] = [
  { text: 'Maturity', path: '/maturity', permissions: ['check_result:read'] },
  { text: 'Campaigns', path: '/campaigns', permissions: ['campaign:read', 'check_result:read'] },
];

/** All reports of the navigation, and the missing permissions of the person for each. */
export const offeredReports = ({ unit: { access } }: Context): OfferedReport[] =>
  REPORTS.map(({ permissions, ...report }) => ({
    ...report,
    missing: permissions.filter((permission) => !canOnSome(access, permission)),
  }));
