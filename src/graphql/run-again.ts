/**
 * A failure after which a mutation runs again, because the other attempt finds a better error: a violated constraint does not
 * tell which of several inputs violates it. The checks of another attempt see what the other request has committed. The cause
 * is the error for the client if the last attempt fails in the same way.
 */
export class RunAgain extends Error {
  override name = 'RunAgain';
}
