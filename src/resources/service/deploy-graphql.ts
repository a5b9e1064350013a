import { mutation } from '../../graphql/mutation.ts';
import { lockTarget, targetIdOf } from '../../graphql/resource-write.ts';
import { referenceInputOf } from '../../graphql/target.ts';
import { recordDeploy } from './deploy.ts';
import { Service } from './resource.ts';

mutation('recordDeploy', {
  mayUseCachedActor: true,
  permission: 'service:update',
  onSome: true,
  description:
    'Records a deploy of a service. The fields `lastDeploy…` of the service are those of its latest deploy, so an earlier deploy than that one changes nothing.',
  auditTarget: (ctx, input) => targetIdOf(ctx, Service, input),
  input: (t) => ({
    service: t.field({ type: referenceInputOf(Service), required: true, description: 'The service.' }),
    deployedAt: t.field({
      type: 'DateTime',
      description: 'When the service was deployed. Cannot be in the future. Defaults to now.',
    }),
    version: t.string({ description: 'The deployed version, such as a tag or a commit. 1 to 200 characters.' }),
    description: t.string({ description: 'What the deploy changed. 1 to 2,000 characters.' }),
  }),
  results: { service: { type: Service.type, description: 'The service.' } },
  resolve: async (input, ctx) => ({
    service: await recordDeploy(ctx, await lockTarget(ctx, Service, input, 'service:update'), input),
  }),
});
