import { DELETED, mutation } from '../../graphql/mutation.ts';
import { attributeInputs, valuesOf } from '../../graphql/resource-inputs.ts';
import { targetId } from '../../lib/input.ts';
import { Integration } from './resource.ts';
import {
  createIntegration,
  deleteIntegration,
  type IntegrationValues,
  rotateIntegrationSecret,
  updateIntegration,
} from './service.ts';

const RESULT = { integration: { type: Integration.type, description: 'The integration.' } } as const;

const WITH_URL = {
  ...RESULT,
  url: {
    type: 'String',
    description:
      'The URL for events, which contains the secret. It cannot be read again, because only the hash of the secret is stored.',
  },
} as const;

const ID = 'The ID of the integration.';

mutation('createIntegration', {
  mayUseCachedActor: true,
  permission: 'integration:create',
  rateLimit: 'integrations',
  description: 'Creates an integration. The payload contains its URL.',
  input: (t) => attributeInputs(t, Integration as never, 'create'),
  results: WITH_URL,
  resolve: async (input, ctx) =>
    await createIntegration(ctx, (await valuesOf(ctx, Integration as never, 'create', input)) as IntegrationValues),
});

mutation('updateIntegration', {
  mayUseCachedActor: true,
  permission: 'integration:update',
  description: 'Updates an integration. Omitted fields are unchanged.',
  input: (t) => ({
    id: t.id({ required: true, description: ID }),
    ...attributeInputs(t, Integration as never, 'update'),
  }),
  results: RESULT,
  resolve: async ({ id, ...input }, ctx) => {
    const uuid = targetId('int', id);
    return {
      integration: await updateIntegration(ctx, uuid, await valuesOf(ctx, Integration as never, 'update', input)),
    };
  },
});

mutation('rotateIntegrationSecret', {
  permission: 'integration:update',
  rateLimit: 'integrations',
  description:
    'Replaces the secret of an integration. The previous URL is refused from the next request on. The payload contains the new URL.',
  input: (t) => ({ id: t.id({ required: true, description: ID }) }),
  results: WITH_URL,
  resolve: async ({ id }, ctx) => await rotateIntegrationSecret(ctx, targetId('int', id)),
});

mutation('deleteIntegration', {
  mayUseCachedActor: true,
  permission: 'integration:delete',
  description:
    'Deletes an integration with its events and suggestions. Returns IN_USE if checks evaluate its events, and lists them in `usedBy`.',
  input: (t) => ({ id: t.id({ required: true, description: ID }) }),
  results: DELETED,
  resolve: async ({ id }, ctx) => ({ deletedId: await deleteIntegration(ctx, targetId('int', id)) }),
});
