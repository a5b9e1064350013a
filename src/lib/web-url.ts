/** Whether a text is an http or https URL. Others, such as `javascript:`, run code when a page links to them. */
export function isWebUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:\/\//i.test(text) && url.hostname !== '';
}
