import { dateTime, multiLine, optionalLine, optionalRef, readOnly, ref, singleLine } from '../../graphql/attributes.ts';
import { aliases, items, itemType, references } from '../../graphql/parts.ts';
import { resource } from '../../graphql/resource.ts';
import { serviceConditions } from '../filter/conditions-graphql.ts';
import { Level } from '../level/resource.ts';
import { Lifecycle } from '../lifecycle/resource.ts';
import { scorecardLevelCondition } from '../scorecard/level-condition-graphql.ts';
import { prepareProperties, propertyInputs } from '../service-property/input-graphql.ts';
import { Tag } from '../tag/ref.ts';
import { Team } from '../team/resource.ts';
import { Tier } from '../tier/resource.ts';
import { refuseUrl, serviceHooks } from './service.ts';
import { serviceAliases, serviceDependencies, serviceLinks, services, serviceTags } from './table.ts';

const ServiceLink = itemType('ServiceLink', {
  description: 'A link from a service to a page about it.',
  columns: {
    name: singleLine(200, 'The name of the link'),
    url: singleLine(2_000, 'An http or https URL'),
    category: optionalLine(100, 'The category of the link, such as `runbook`'),
  },
  key: ['name', 'url'],
  refuse: refuseUrl,
});

const OF_SERVICE = { of: 'serviceId' } as const;

export const Service = resource('Service', {
  table: services,
  id: 'svc',
  permission: 'service',
  ownedBy: 'ownerId',
  plural: 'services',
  description: 'A service of the organization, which the checks of the rubric evaluate.',
  attributes: {
    name: singleLine(200, 'The name of the service', { unique: true }),
    description: multiLine(5_000, 'What the service does'),
    ownerId: optionalRef(Team, 'The team that owns the service'),
    tierId: optionalRef(Tier, 'The tier of the service'),
    lifecycleId: optionalRef(Lifecycle, 'The lifecycle stage of the service'),
    language: optionalLine(100, 'The programming language of the service'),
    framework: optionalLine(100, 'The framework of the service'),
    lastDeployAt: readOnly(dateTime('When the service was last deployed')),
    lastDeployVersion: readOnly(optionalLine(200, 'The version of the last deploy')),
    lastDeployDescription: readOnly(multiLine(2_000, 'What the last deploy changed')),
    levelId: readOnly(
      optionalRef(Level, 'The overall level at the last evaluation. A service to which no check applies has no level', {
        onDelete: 'hook',
      }),
    ),
  },
  parts: {
    aliases: aliases('Short names of the service, for use in code', { table: serviceAliases, ...OF_SERVICE, max: 100 }),
    tags: items(Tag, 'The tags of the service', { table: serviceTags, ...OF_SERVICE, max: 200 }),
    links: items(ServiceLink, 'The links of the service', { table: serviceLinks, ...OF_SERVICE, max: 100 }),
    dependencies: references(
      ref('self', 'The service that this service depends on'),
      'The services that this service depends on',
      {
        ...{ table: serviceDependencies, ...OF_SERVICE, max: 500, column: 'dependsOnId' },
        reverse: { field: 'dependents', description: 'The services that depend on this service' },
      },
    ),
  },
  filter: {
    ...{ ownerId: true, tierId: true, lifecycleId: true, levelId: true, language: true, framework: true },
    ...{ search: ['name'], createdAt: 'range', updatedAt: 'range' },
  },
  conditions: { ...serviceConditions, scorecardLevel: scorecardLevelCondition },
  order: ['name', 'createdAt', 'updatedAt'],
  bulk: ['create', 'update'],
  changesAccess: ['create', 'update'],
  inputs: propertyInputs,
  hooks: { ...serviceHooks, prepare: prepareProperties },
});
