import { multiLine, singleLine } from '../../graphql/attributes.ts';
import { resource } from '../../graphql/resource.ts';
import { projectTarget } from '../project/ref.ts';
import { datasets } from './table.ts';

export const Dataset = resource('Dataset', {
  table: datasets,
  id: 'dts',
  permission: 'dataset',
  plural: 'datasets',
  description: 'A collection of examples in a project, for the evaluation of prompts and experiments.',
  project: projectTarget,
  attributes: {
    name: singleLine(100, 'The name of the dataset', { unique: true }),
    description: multiLine(2000, 'What the dataset contains'),
  },
  filter: { search: ['name'], createdAt: 'range' },
  order: ['name', 'createdAt'],
});
