import { builder } from '../../graphql/builder.ts';
import type { Target } from '../../graphql/target.ts';
import { findProject, type ProjectRow } from './service.ts';
import { projects } from './table.ts';

export const Project = builder.objectRef<ProjectRow>('Project');

/** The project of a declared resource. */
export const projectTarget: Target = {
  name: 'Project',
  type: Project as unknown as Target['type'],
  prefix: 'prj',
  table: projects,
  permission: 'project:read',
  project: projects.id,
  projectOf: (project) => project.id,
  isWholeTable: true,
  load: findProject,
  loadByAlias: null,
};
