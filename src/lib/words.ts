/** The words of a type name: `ServiceAccount` gives "service account". A `Lifecycle` is a lifecycle stage. */
export const nounOf = (typename: string): string =>
  typename
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/^lifecycle(?=s?$)/, 'lifecycle stage');

/** The name of a field for one object of a type: `ServiceAccount` gives `serviceAccount`. */
export const fieldOf = (typename: string): string => `${typename.slice(0, 1).toLowerCase()}${typename.slice(1)}`;

/** The name of a field for a constant: `tagDefined` for TAG_DEFINED. */
export const fieldOfConstant = (constant: string): string =>
  constant.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export const capitalized = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

export const withArticle = (noun: string): string => `${/^\W*[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`;
