import { singleLine } from '../../graphql/attributes.ts';
import { itemType } from '../../graphql/parts.ts';

/** The type of the tags of teams and services. */
export const Tag = itemType('Tag', {
  description: 'A key with a value. An object can have several values for one key.',
  columns: {
    key: singleLine(100, 'The key of the tag, such as `env`'),
    value: singleLine(500, 'The value of the tag, such as `production`'),
  },
});
