import { builder } from '../../graphql/builder.ts';
import { JSON_COST } from '../../graphql/cost.ts';
import { mutation } from '../../graphql/mutation.ts';
import { lockTarget } from '../../graphql/resource-write.ts';
import {
  canSee,
  type GivenReference,
  loadReferenced,
  referenceInputOf,
  requireOnService,
} from '../../graphql/target.ts';
import { invalid, notFound } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { andThen } from '../../lib/maybe-promise.ts';
import { PropertyDefinition } from '../property-definition/resource.ts';
import { Service } from '../service/resource.ts';
import { findDefinition, omitted, valueFields } from './input-graphql.ts';
import { MAX_PROPERTIES, propertiesOf, type ServicePropertyRow } from './service.ts';
import { setProperty } from './set.ts';

const ServicePropertyValue = builder.objectRef<ServicePropertyRow>('ServicePropertyValue').implement({
  description: 'The value of a property of a service.',
  // Only a service, which requires `service:read`, contains it.
  public: true,
  fields: (t) => ({
    definition: t.field({
      type: PropertyDefinition.type,
      nullable: true,
      description: 'The definition of the property. Null if it is not visible to the caller.',
      resolve: ({ definitionId }, _args, ctx) => PropertyDefinition.load(ctx, definitionId),
    }),
    value: t.field({
      type: 'JSON',
      description: 'The value. It matches the schema of the definition. The order of keys is not kept.',
      resolve: ({ value }) => value,
    }),
  }),
});

/** Values are short as a rule, and few. */
const COST = { field: 1, multiplier: JSON_COST };

builder.objectField(Service.type, 'properties', (t) =>
  t.field({
    type: [ServicePropertyValue],
    description: `The properties of the service that have a value, in the order in which they were defined. At most ${MAX_PROPERTIES}.`,
    complexity: COST,
    resolve: (row, _args, ctx) => andThen(propertiesOf(ctx, row.id), (found) => found ?? []),
  }),
);

mutation('setServiceProperty', {
  mayUseCachedActor: true,
  permission: 'service:update',
  onSome: true,
  description:
    'Sets or removes the value of a property of a service, and evaluates the service. Returns INVALID if the value does not match the schema of the definition, with the path to the wrong part.',
  auditTarget: async (ctx, input) => {
    const service = await loadReferenced(ctx, Service, input['service'] as GivenReference);
    return service && canSee(ctx, Service, service) ? toPublicId('svc', service.id) : null;
  },
  input: (t) => ({
    service: t.field({ type: referenceInputOf(Service), required: true, description: 'The service.' }),
    ...valueFields(t),
  }),
  results: { service: { type: Service.type, description: 'The service.' } },
  resolve: async (input, ctx) => {
    const service = await loadReferenced(ctx, Service, input.service);
    if (!service) throw notFound('Service');
    requireOnService(ctx, Service, service, 'service:update');
    if (input.value === undefined) throw invalid(omitted());
    const definition = await findDefinition(ctx, input.definition as GivenReference);
    const given = { serviceId: service.id, definitionId: definition.id, value: input.value, path: ['value'] };
    // By the ID, because another request may give the alias to another service.
    const target = { service: { id: toPublicId('svc', service.id) } };
    const lock = () => lockTarget(ctx, Service, target, 'service:update');
    return { service: await setProperty(ctx, given, { lock }) };
  },
});
