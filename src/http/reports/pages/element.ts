import { createElement, type ReactNode } from 'react';

export { Fragment, type ReactElement, type ReactNode } from 'react';

/** Creates an element. React escapes every text and attribute. */
export const h = createElement;

/** The items with a key, as React requires of lists. */
export const list = (items: readonly ReactNode[]): ReactNode =>
  items.map((item, key) => createElement(KeyedItem, { key }, item));

const KeyedItem = ({ children }: { children?: ReactNode }): ReactNode => children;
