import type { Permission } from '../../access/catalog.ts';
import { loadPrincipalRoles } from '../../access/load-principal-roles.ts';
import { projectRoleReach } from '../../access/reach.ts';
import { type Context, db, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { planOf } from '../principal/access.ts';
import { findProjectMember, type ProjectMemberRow } from './service.ts';

/** Whether the caller may replace or remove a project role, as far as what its holder gains and loses is concerned. */
const findReach = loaderOf<{ id: string; changeable: boolean; removable: boolean }>(async (ctx, ids) => {
  const found = await Promise.all(ids.map((id) => findProjectMember(ctx, id)));
  const rows = found.filter((row) => row !== null);
  const callerId = ctx.unit.actor.principal?.id ?? '';
  const holders = [...new Set([callerId, ...rows.map(({ principalId }) => principalId)])];
  const all = await loadPrincipalRoles(await db(ctx), tenant(ctx), { principalIds: holders });
  return rows.map((row) => {
    const concerned = [callerId, row.principalId].flatMap((id) => {
      const held = all.principalRoles.get(id);
      return held ? [[id, held] as const] : [];
    });
    const state = { ...all, principalRoles: new Map(concerned), plan: planOf(ctx) };
    return { id: row.id, ...projectRoleReach(ctx.unit.access, state, callerId, row, ctx.dependencies.clock()) };
  });
});

/** The permissions that the caller has on a project role, without those whose every use is refused with NOT_HELD. */
export async function permissionsOnProjectMember(ctx: Context, row: ProjectMemberRow): Promise<Permission[]> {
  const { access } = ctx.unit;
  const mayWrite = (['update', 'delete'] as const).some((verb) => access.can(`project_member:${verb}`, row.projectId));
  const reach = mayWrite ? await findReach(ctx, row.id) : null;
  const may = {
    'project_member:read': true,
    'project_member:update': reach?.changeable,
    'project_member:delete': reach?.removable,
  };
  return (Object.keys(may) as (keyof typeof may)[]).filter((name) => may[name] && access.can(name, row.projectId));
}
