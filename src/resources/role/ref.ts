import type { Role } from '../../access/roles.ts';
import { builder } from '../../builder.ts';

export const RoleType = builder.objectRef<Role>('Role');
