import type { Context } from '../../context.ts';
import { DRY_RUN, runWithAccessChanges, VISIBLE_ACCESS_CHANGES } from '../../graphql/access-changes.ts';
import { dateTime, readOnly } from '../../graphql/attributes.ts';
import { mutation } from '../../graphql/mutation.ts';
import { resourceWithoutMutations } from '../../graphql/resource.ts';
import { attributeInputs, type Input } from '../../graphql/resource-inputs.ts';
import type { Resource } from '../../graphql/resource-model.ts';
import { createAll, targetIdOf, updateAll } from '../../graphql/resource-write.ts';
import { referenceInputOf } from '../../graphql/target.ts';
import { AmbitError, invalid, userError } from '../../lib/errors.ts';
import { targetId } from '../../lib/input.ts';
import { Service } from '../service/resource.ts';
import { Integration } from './resource.ts';
import { MAX_SUGGESTIONS } from './suggest.ts';
import { deleteAccepted, dismissedIs, dismissSuggestion, getSuggestedAlias } from './suggestion.ts';
import { serviceSuggestions } from './table.ts';

const ServiceSuggestion = resourceWithoutMutations('ServiceSuggestion', {
  table: serviceSuggestions,
  id: 'sug',
  permission: 'integration',
  plural: 'serviceSuggestions',
  description: `An alias that an event contained, and that no service had when the event was processed. An organization has at most ${MAX_SUGGESTIONS.toLocaleString('en')} suggestions. Further aliases replace those whose last event was the earliest.`,
  attributes: { dismissedAt: readOnly(dateTime('When the suggestion was dismissed. Null if it was not dismissed')) },
  computed: {
    dismissed: {
      type: 'Boolean',
      description: 'Whether the suggestion was dismissed.',
      columns: ['dismissedAt'],
      value: ({ dismissedAt }) => dismissedAt !== null,
      filter: dismissedIs,
    },
  },
  fields: (t) => ({
    alias: t.exposeString('alias', { description: 'The alias. Unique in the organization.' }),
    events: t.exposeInt('events', { description: 'The number of events with the alias.' }),
    lastEventAt: t.expose('lastEventAt', {
      type: 'DateTime',
      description: 'When the last event with the alias was processed.',
    }),
    integration: t.field({
      type: Integration.type,
      nullable: true,
      description: 'The integration that received the first event. Null if it is not visible to the caller.',
      resolve: ({ integrationId }, _args, ctx) => Integration.load(ctx, integrationId),
    }),
  }),
  order: ['lastEventAt', 'createdAt'],
});

const Services = Service as unknown as Resource;

const RESULTS = { service: { type: Service.type, description: 'The service with the new alias.' } } as const;

const TAKEN = 'Returns TAKEN if another service has the alias.';

/** The error about the alias belongs to the suggestion, because the caller has not given the alias. */
async function withAlias<T>(field: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof AmbitError && error.userErrors)) throw error;
    const isAlias = (path: readonly string[]): boolean => /^(add)?aliases$/i.test(path[0] ?? '');
    throw invalid(
      ...error.userErrors.map((one) =>
        isAlias(one.path) ? userError(one.code, field, `${field}: ${one.message}`) : one,
      ),
    );
  }
}

mutation('acceptServiceSuggestion', {
  permission: 'service:update',
  onSome: true,
  description: `Adds the alias of a suggestion to a service, and deletes the suggestion. ${TAKEN}`,
  auditTarget: (ctx, input) => targetIdOf(ctx, Service, input),
  input: (t) => ({
    suggestionId: t.id({ required: true, visibleWith: 'integration:read', description: 'The ID of the suggestion.' }),
    service: t.field({ type: referenceInputOf(Service), required: true, description: 'The service.' }),
  }),
  results: RESULTS,
  resolve: async ({ suggestionId, service }, ctx) => {
    const uuid = targetId('sug', suggestionId);
    const alias = await getSuggestedAlias(ctx, uuid);
    // First the service, then the suggestion: in this order, the processing of events locks them.
    const [row] = await withAlias('suggestionId', () =>
      updateAll(ctx, Services, [{ input: { service, addAliases: [alias] }, path: [] }]),
    );
    await deleteAccepted(ctx, uuid);
    return { service: row as never };
  },
});

mutation('acceptServiceSuggestionAsNewService', {
  permission: 'service:create',
  description: `Creates a service with the alias of a suggestion, and deletes the suggestion. \`updateService\` sets its other fields. ${TAKEN}`,
  input: (t) => {
    const { name, owner } = attributeInputs(t as never, Services, 'create') as { name: never; owner: never };
    return {
      suggestionId: t.id({ required: true, visibleWith: 'integration:read', description: 'The ID of the suggestion.' }),
      name,
      owner,
      dryRun: t.boolean({ description: DRY_RUN }),
    };
  },
  results: { ...RESULTS, ...VISIBLE_ACCESS_CHANGES },
  resolve: async ({ suggestionId, dryRun, ...given }, ctx: Context) =>
    (await runWithAccessChanges(ctx, dryRun, async () => {
      const uuid = targetId('sug', suggestionId as string);
      const alias = await getSuggestedAlias(ctx, uuid);
      const [row] = await withAlias('suggestionId', () =>
        createAll(ctx, Services, [{ input: { ...(given as Input), aliases: [alias] }, path: [] }]),
      );
      await deleteAccepted(ctx, uuid);
      return { service: row };
    })) as never,
});

mutation('dismissServiceSuggestion', {
  mayUseCachedActor: true,
  permission: 'integration:update',
  description: 'Dismisses a suggestion. It remains in the list, and further events are still counted.',
  input: (t) => ({ id: t.id({ required: true, description: 'The ID of the suggestion.' }) }),
  results: { serviceSuggestion: { type: ServiceSuggestion.type, description: 'The suggestion.' } },
  resolve: async ({ id }, ctx) => ({ serviceSuggestion: await dismissSuggestion(ctx, targetId('sug', id)) }),
});
