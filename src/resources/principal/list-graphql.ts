import { builder } from '../../graphql/builder.ts';
import { orderInput, orderWords } from '../../graphql/resource-order.ts';
import { costOfList, searchDescription, sortDescription } from '../../graphql/search.ts';
import { capitalized, nounOf } from '../../lib/words.ts';
import type { PrincipalListArgs } from './list.ts';

/** The filter and the order of a list of members or of service accounts. `searched` are the fields that `search` reads. */
export function principalList(name: 'Member' | 'ServiceAccount', searched: readonly string[]) {
  const noun = nounOf(name);
  const order = orderInput(name, `${noun}s`, ['createdAt', 'name'], (key) => {
    const words = `${capitalized(orderWords(key))}.`;
    return key === 'name' ? sortDescription(words) : words;
  });
  const filter = builder.inputType(`${name}Filter`, {
    description: `Selects the ${noun}s that match all given fields.`,
    fields: (t) => ({
      search: t.string({ description: searchDescription(searched, noun) }),
      roleId: t.id({ visibleWith: 'role:read', description: 'The ID of the current organization role.' }),
    }),
  });
  return { filter, order, complexity: (args: PrincipalListArgs) => costOfList(args, { sorted: 'name' }) };
}
