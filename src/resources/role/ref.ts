import type { RoleSummary } from '../../access/model.ts';
import { builder } from '../../graphql/builder.ts';

export const RoleType = builder.objectRef<RoleSummary>('Role');
