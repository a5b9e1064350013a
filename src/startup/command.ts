import { errorLines } from '../lib/log.ts';

/** Prints the result of a command. If it fails, prints the error, and the process will exit with code 1. */
export function runCommand(result: Promise<string>): void {
  result.then(
    (message) => process.stdout.write(`${message}\n`),
    (error: unknown) => {
      process.stderr.write(errorLines(error));
      process.exitCode = 1;
    },
  );
}
