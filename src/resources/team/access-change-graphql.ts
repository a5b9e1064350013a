import { AccessChange } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { Team } from './resource.ts';

builder.objectField(AccessChange, 'teams', (t) =>
  t.field({
    type: [Team.type],
    nullable: true,
    permission: 'team:read',
    description:
      'The teams in `teamIds`. Omits deleted teams, and teams that a dry run would create. Null if `teamIds` is null.',
    resolve: async ({ teamIds }, _args, ctx) => {
      if (!teamIds) return null;
      const teams = await Promise.all(teamIds.map((id) => Team.load(ctx, id)));
      return teams.filter((team) => team !== null);
    },
  }),
);
