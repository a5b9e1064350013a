import { AccessChange } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { canSee } from '../../graphql/target.ts';
import { toPublicId } from '../../lib/ids.ts';
import { Service } from './resource.ts';

builder.objectFields(AccessChange, (t) => ({
  serviceIds: t.idList({
    nullable: true,
    permission: 'service:read',
    onSome: true,
    description:
      'The IDs of the services on which the access changes, because their owner changes. Null for every other change.',
    resolve: ({ serviceIds }) => serviceIds?.map((id) => toPublicId('svc', id)) ?? null,
  }),
  services: t.field({
    type: [Service.type],
    nullable: true,
    permission: 'service:read',
    onSome: true,
    description:
      'The services in `serviceIds`. Omits services that a dry run would create, and those that are not visible to the caller. Null if `serviceIds` is null.',
    resolve: async ({ serviceIds }, _args, ctx) => {
      if (!serviceIds) return null;
      const services = await Promise.all(serviceIds.map((id) => Service.load(ctx, id)));
      return services.filter((service) => service !== null && canSee(ctx, Service, service)) as never;
    },
  }),
}));
