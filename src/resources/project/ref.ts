import { builder } from '../../graphql/builder.ts';
import type { ProjectRow } from './service.ts';

export const Project = builder.objectRef<ProjectRow>('Project');
