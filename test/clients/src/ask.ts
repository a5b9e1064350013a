/** Sends an operation without a client. */
export type Ask = <Data>(query: string, variables?: object) => Promise<Data>;

export const askAt =
  (url: string, headers: Record<string, string>): Ask =>
  async (query, variables) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()).data;
  };
