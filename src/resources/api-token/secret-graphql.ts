import { builder } from '../../graphql/builder.ts';
import { type SecretKind, shownSecret } from '../../lib/secret.ts';

interface PreviousSecretRow {
  hint: string | null;
  endsAt: Date;
}

export const PreviousSecret = builder.objectRef<PreviousSecretRow>('PreviousSecret').implement({
  description: 'A secret that was replaced by a rotation and is still valid.',
  public: true,
  fields: (t) => ({
    hint: t.exposeString('hint', {
      nullable: true,
      description: 'The prefix and the last four characters of the secret. Null if they are not known.',
    }),
    endsAt: t.expose('endsAt', { type: 'DateTime', description: 'Until when the secret is valid.' }),
  }),
});

/** The secret before the last rotation of a token or a key. Null if it is not valid any more. */
export const previousSecretOf = (
  kind: SecretKind,
  { previousHint, previousEndsAt }: { previousHint: string | null; previousEndsAt: Date | null },
  now: Date,
): PreviousSecretRow | null =>
  previousEndsAt && previousEndsAt > now ? { hint: shownSecret(kind, previousHint), endsAt: previousEndsAt } : null;
