import { networkOf } from '../lib/network.ts';
import type { Limiter } from './limiter.ts';

const MINUTE = 60;
/** Seconds for which the network of a sign-in stays known for its account. */
const KNOWN_FOR = 30 * 24 * 60 * MINUTE;
/** Seconds for which an unknown network is refused from memory after the limit of the account was reached. */
const BLOCK = MINUTE;

/** An attempt to sign in that was counted. */
export interface CountedSignIn {
  /** The password was right: the attempt does not count, and the network becomes known. */
  succeed(): Promise<void>;
}

const pairOf = (account: string, network: string): string => `${account} ${network}`;

/**
 * Counts an attempt to sign in, or throws RATE_LIMITED. Failures are counted strictly for the account and the network
 * together, so strangers cannot lock a person out. The account as a whole has a larger limit, against guesses from many
 * networks. That limit does not apply to networks in which the account has signed in before.
 */
export async function countSignIn(limiter: Limiter, account: string, address: string): Promise<CountedSignIn> {
  const network = networkOf(address);
  const pair = pairOf(account, network);
  await limiter.consume('attemptsPerNetwork', network);
  await limiter.consume('signInPerAccountAndNetwork', pair);
  const isKnown = await limiter.isRemembered(pair);
  if (!isKnown)
    await limiter.consume('signInPerAccount', account).catch((error: unknown) => {
      limiter.block('signInPerAccountAndNetwork', pair, BLOCK);
      throw error;
    });
  return {
    async succeed() {
      await limiter.reset('signInPerAccountAndNetwork', pair);
      if (!isKnown) await limiter.giveBack('signInPerAccount', account);
      await rememberNetwork(limiter, account, address);
    },
  };
}

/** Makes the network known for the account, after a sign-up or a sign-in. */
export const rememberNetwork = (limiter: Limiter, account: string, address: string): Promise<void> =>
  limiter.remember(pairOf(account, networkOf(address)), KNOWN_FOR);
