import { builder } from '../../graphql/builder.ts';
import { type SecretKind, shownSecret } from '../../lib/secret.ts';
import { MAX_GRACE } from './rotation.ts';

interface PreviousSecretRow {
  hint: string | null;
  expiresAt: Date;
}

export const PreviousSecret = builder.objectRef<PreviousSecretRow>('PreviousSecret').implement({
  description: 'A secret that was replaced by a rotation and is still valid.',
  public: true,
  fields: (t) => ({
    hint: t.exposeString('hint', {
      nullable: true,
      description: 'The prefix and the last four characters of the secret. Null if they are not known.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the secret expires.' }),
  }),
});

/** The result field of a mutation that creates or rotates a token or a key. */
export const SECRET = {
  type: 'String',
  description:
    'The value for the header `Authorization: Bearer …`. It cannot be read again, because only its hash is stored.',
} as const;

export const GRACE_SECONDS = `The number of seconds for which the previous secret stays valid, at most ${MAX_GRACE.toLocaleString('en')} (7 days). Defaults to 0: it is refused from the next request on.`;

/** The secret before the last rotation of a token or a key. Null if it is not valid any more. */
export const previousSecretOf = (
  kind: SecretKind,
  { previousHint, previousEndsAt }: { previousHint: string | null; previousEndsAt: Date | null },
  now: Date,
): PreviousSecretRow | null =>
  previousEndsAt && previousEndsAt > now ? { hint: shownSecret(kind, previousHint), expiresAt: previousEndsAt } : null;
