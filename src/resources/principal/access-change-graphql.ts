import type { AccessDelta } from '../../access/change.ts';
import { builder } from '../../graphql/builder.ts';
import { Project } from '../project/ref.ts';
import { findProject } from '../project/service.ts';
import { Principal } from './graphql.ts';
import { findPrincipal } from './service.ts';

export const AccessChange = builder.objectRef<AccessDelta>('AccessChange').implement({
  description: 'What a change means to one principal in one place.',
  public: true,
  fields: (t) => ({
    principal: t.field({
      type: Principal,
      nullable: true,
      description: 'Whose access changes; null for one that would be made or is gone.',
      resolve: (delta, _args, ctx) => findPrincipal(ctx, delta.principalId),
    }),
    project: t.field({
      type: Project,
      nullable: true,
      description:
        'Where; null for the organization, and for every project that is not listed of this principal on its own.',
      resolve: (delta, _args, ctx) => (delta.projectId ? findProject(ctx, delta.projectId) : null),
    }),
    gained: t.field({
      type: ['Permission'],
      description: 'What they may do and could not.',
      resolve: (delta) => delta.gained,
    }),
    lost: t.field({
      type: ['Permission'],
      description: 'What they could do and may not.',
      resolve: (delta) => delta.lost,
    }),
  }),
});

/** Part of the input of every mutation that changes access. */
export const DRY_RUN =
  'Only tell in `accessChanges` who would gain and lose what: nothing is written, and the result is null.';

/** Part of the results of every mutation that changes access. */
export const ACCESS_CHANGES = {
  accessChanges: { type: [AccessChange] as [typeof AccessChange], description: 'Who gains and loses what.' },
};
