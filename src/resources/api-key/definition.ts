import { z } from 'zod';
import { isReading } from '../../access/catalog.ts';
import { API_KEY_PRESETS, permissionsOfKey } from '../../access/key-role.ts';
import type { Context } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { patternList } from '../api-token/limits.ts';
import type { ApiKeyPreset, TokenAccess } from '../api-token/table.ts';

export const PRESETS = Object.keys(API_KEY_PRESETS) as ApiKeyPreset[];

/** The input fields for the permissions of a key. */
export const definitionInput = { preset: z.enum(PRESETS).nullish(), permissions: patternList };

interface Given {
  preset?: ApiKeyPreset | null | undefined;
  permissions?: string[] | null | undefined;
}

/** The columns for the permissions of a key. */
export interface Definition {
  preset: ApiKeyPreset | null;
  permissions: string[];
  access: TokenAccess;
}

/** The permissions of a new key. Exactly one of the two must be given. */
export function definitionOf(ctx: Context, given: Given): Definition {
  const definition = changedDefinition(ctx, given);
  if (definition) return definition;
  throw invalid(userError('REQUIRED', 'preset', 'preset: is required unless permissions are given.'));
}

/** The permissions that an input gives to a key. Null if it has none. */
export function changedDefinition(ctx: Context, { preset, permissions }: Given): Definition | null {
  if (preset != null && permissions != null)
    throw invalid(userError('INVALID', 'preset', 'preset: cannot be combined with permissions.'));
  if (preset != null) return stored(preset, [...API_KEY_PRESETS[preset]]);
  if (permissions == null) return null;
  requireEffect(permissions);
  ctx.unit.access.requireFeature('customRoles');
  return stored(null, permissions);
}

const stored = (preset: ApiKeyPreset | null, permissions: string[]): Definition => ({
  preset,
  permissions,
  access: [...permissionsOfKey(permissions)].every(isReading) ? 'READ' : 'WRITE',
});

/** Throws INVALID for each pattern that gives nothing to a key. */
function requireEffect(permissions: readonly string[]): void {
  const errors = permissions.flatMap((pattern, at) =>
    permissionsOfKey([pattern]).size > 0
      ? []
      : [
          userError(
            'INVALID',
            ['permissions', String(at)],
            `permissions.${at}: ${JSON.stringify(pattern)} matches no permission of level PROJECT, so an API key cannot have it.`,
          ),
        ],
  );
  if (errors.length > 0) throw invalid(...errors);
}
