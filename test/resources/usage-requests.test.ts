import { expect, test } from 'vitest';
import { type Api, type ApiResponse, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  duringChange,
  lockOrganization,
  queryData,
} from '../support/world.ts';
