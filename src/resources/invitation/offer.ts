import { z } from 'zod';
import { unrestricted } from '../../access/access.ts';
import { requireHeldChange } from '../../access/escalation.ts';
import { grantsOfRoles } from '../../access/grants.ts';
import type { Role } from '../../access/model.ts';
import { findBuiltIn, GUEST, isOwnerRole } from '../../access/roles.ts';
import { type Context, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { AmbitError, invalid, userError } from '../../lib/errors.ts';
import { fromPublicId, toPublicId } from '../../lib/ids.ts';
import { findCustomRoles } from '../principal/access.ts';
import { getAssignableRole } from '../principal/service.ts';
import { findProject, type ProjectRow } from '../project/service.ts';
import { compiledRole } from '../role/service.ts';
import type { OfferedRoles } from './access-changes.ts';
import { isOfProjects, mayAct } from './permissions.ts';
import type { invitations } from './table.ts';

/** The roles of an invitation, with the names of the projects. */
export interface Offer extends OfferedRoles {
  projectRoles: { projectId: string; projectName: string; role: Role }[];
}

export const OfferInput = z.object({
  roleId: z.string().nullish(),
  projectRoles: z
    .array(z.object({ projectId: z.string(), roleId: z.string() }))
    .max(100)
    .nullish(),
});

const findCustom = loaderOf<Role>(async (ctx, ids) => [...(await findCustomRoles(ctx, ids)).values()]);

const findOffered = async (ctx: Context, id: string): Promise<Role | null> =>
  findBuiltIn(id) ?? (await findCustom(ctx, id));

/** Loads the projects and roles of an input together. Afterwards they are checked one by one. */
async function preload(ctx: Context, { projectRoles }: z.output<typeof OfferInput>): Promise<void> {
  const loads = (projectRoles ?? []).flatMap(({ projectId, roleId }) => {
    const [project, role] = [fromPublicId('prj', projectId), fromPublicId('rol', roleId)];
    return [project && findProject(ctx, project), role && findOffered(ctx, role)];
  });
  await Promise.all(loads);
}

/** The roles of the invitation. They must not include Owner, or grant permissions that the caller does not have there. */
export async function offerOf(ctx: Context, input: z.output<typeof OfferInput>, find = findOffered): Promise<Offer> {
  const { roleId, projectRoles } = input;
  if (roleId == null && !projectRoles?.length)
    throw invalid(userError('REQUIRED', 'roleId', 'roleId: is required without projectRoles.'));
  const role = roleId == null ? GUEST : await organizationRole(ctx, roleId, find);
  if (projectRoles?.length) ctx.unit.access.requireFeature('projectRoles');
  if (projectRoles?.length && role.neverOverridden)
    throw invalid(
      userError('NO_EFFECT', 'projectRoles', `projectRoles: have no effect on the organization role ${role.name}.`),
    );
  await preload(ctx, input);
  const offered = new Map<string, Offer['projectRoles'][number]>();
  for (const [at, given] of projectRoles?.entries() ?? []) {
    const path = ['projectRoles', String(at)];
    const { id, name } = await projectToOffer(ctx, given.projectId, offered, [...path, 'projectId']);
    const own = await getAssignableRole(ctx, given.roleId, id, [...path, 'roleId'], find);
    offered.set(id, { projectId: id, projectName: name, role: own });
  }
  const inProjects = new Map([...offered].map(([id, own]) => [id, own.role]));
  requireHeldChange(
    ctx.unit.access,
    { before: null, after: unrestricted(grantsOfRoles(role, inProjects)) },
    'Inviting with these roles',
  );
  return { role, projectRoles: [...offered.values()] };
}

async function organizationRole(ctx: Context, roleId: string, find: typeof findOffered): Promise<Role> {
  const builtIn = findBuiltIn(fromPublicId('rol', roleId) ?? '');
  if (builtIn && isOwnerRole(builtIn))
    throw invalid(
      userError(
        'INVALID',
        'roleId',
        'roleId: nobody can be invited as Owner. Invite with another role, and make the member Owner afterwards.',
      ),
    );
  return await getAssignableRole(ctx, roleId, null, 'roleId', find);
}

async function projectToOffer(
  ctx: Context,
  publicId: string,
  taken: ReadonlyMap<string, unknown>,
  path: string[],
): Promise<ProjectRow> {
  const project = await findProject(ctx, fromPublicId('prj', publicId) ?? tenant(ctx));
  const where = path.join('.');
  if (!project) throw invalid(userError('NOT_FOUND', path, `${where}: there is no project with this ID.`));
  if (taken.has(project.id))
    throw invalid(userError('TAKEN', path, `${where}: the invitation already has a role in this project.`));
  return project;
}

type Invitation = Pick<typeof invitations.$inferSelect, 'roleId' | 'projectRoles'>;

const inputOf = (row: Invitation): z.output<typeof OfferInput> => ({
  roleId: isOfProjects(row) ? null : toPublicId('rol', row.roleId),
  projectRoles: row.projectRoles.map((own) => ({
    projectId: toPublicId('prj', own.projectId),
    roleId: toPublicId('rol', own.roleId),
  })),
});

/** Whether the caller could send the invitation again. Loads the roles of all invitations of a response together. */
export async function mayResend(ctx: Context, row: Invitation): Promise<boolean> {
  if (!mayAct(ctx.unit.access, row, 'resend')) return false;
  try {
    await offerOf(ctx, inputOf(row), (_ctx, id) => compiledRole(ctx, { id }));
    return true;
  } catch (error) {
    if (error instanceof AmbitError) return false;
    throw error;
  }
}

/** The roles of an existing invitation, which the caller sends again. */
export async function offerAgain(ctx: Context, row: Invitation): Promise<Offer> {
  return await offerOf(ctx, inputOf(row)).catch((error: unknown) => {
    if (!(error instanceof AmbitError && error.userErrors) || error.userErrors[0]?.code === 'NO_EFFECT') throw error;
    throw invalid(
      userError(
        'INVALID',
        'id',
        'id: a role or project of the invitation was deleted. Delete the invitation and create a new one.',
      ),
    );
  });
}
