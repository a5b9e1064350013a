import { builder } from '../../graphql/builder.ts';
import type { ApiKeyRow } from './service.ts';

export const ApiKey = builder.objectRef<ApiKeyRow>('ApiKey');
