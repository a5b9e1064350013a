import { builder } from '../../graphql/builder.ts';
import { toPublicId } from '../../lib/ids.ts';
import { type EventRow, listEvents, MAX_EVENTS, payloadOf } from './list.ts';
import { Integration } from './resource.ts';

const IntegrationEventStatus = builder.enumType('IntegrationEventStatus', {
  description: 'The status of an event.',
  values: {
    QUEUED: { description: 'The event is not processed yet.' },
    PROCESSED: { description: 'The event was processed.' },
    FAILED: { description: 'The event could not be processed, or not completely.' },
  } as const,
});

const IntegrationEvent = builder.objectRef<EventRow>('IntegrationEvent').implement({
  description: 'An event that an integration has received.',
  permission: 'integration:update',
  fields: (t) => ({
    id: t.id({
      description: 'The ID, as in the response of the endpoint.',
      resolve: ({ id }) => toPublicId('ine', id),
    }),
    payload: t.string({
      nullable: true,
      description:
        'The payload as JSON text, as it was received. Null if it was deleted. Returns RESPONSE_TOO_LARGE if the payloads in the response have more than 10,000,000 bytes in total.',
      resolve: ({ id }, _args, ctx) => payloadOf(ctx, id),
    }),
    size: t.exposeInt('size', { description: 'The number of bytes of the payload.' }),
    status: t.field({
      type: IntegrationEventStatus,
      description: 'The status of the event.',
      resolve: ({ status }) => status,
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why the event could not be processed, or not completely. Null if there is no error.',
    }),
    receivedAt: t.expose('createdAt', { type: 'DateTime', description: 'When the event was received.' }),
    processedAt: t.expose('processedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the event was processed. Null if it is queued.',
    }),
  }),
});

builder.objectField(Integration.type, 'events', (t) =>
  t.field({
    type: [IntegrationEvent],
    nullable: true,
    permission: 'integration:update',
    description: `The last events, newest first. An integration keeps ${MAX_EVENTS} processed events, and at most 20 MB of their payloads. \`integration:read\` is not sufficient, because payloads are data of other systems.`,
    args: {
      first: t.arg.int({
        defaultValue: 10,
        description: `The number of events, at most ${MAX_EVENTS}. Defaults to 10.`,
      }),
    },
    complexity: ({ first }: { first?: number | null }) => ({ field: 1, multiplier: first ?? 10 }),
    resolve: ({ id }, { first }, ctx) => listEvents(ctx, id, first ?? 10),
  }),
);
