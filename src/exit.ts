/**
 * How the program ends when it does not want to run: a sentence for a human and an exit code for a
 * supervisor (sysexits.h). Thrown by whatever refuses to start; the command line prints the sentence
 * without a stack and returns the code. Faults that no user can repair stay plain errors.
 */

/** The exit codes we use, by their sysexits.h meaning; systemd is set not to restart on 64, 75 and 78. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** `status`, `stop`: no server runs on this data directory (as `systemctl status` says it). */
  notRunning: 3,
  /** The command line asks for something we refuse. */
  usage: 64,
  /** A file handed to us (such as settings.json) is not what it should be; it was left alone. */
  badInput: 65,
  /** A bug. */
  software: 70,
  /** Another process holds it (lock, port): trying later may work. */
  busy: 75,
  /** The server takes no commands with this token, or without one. */
  noPermission: 77,
  /** Configuration or data directory cannot be used as it is. */
  configuration: 78,
} as const;

/** One of the codes above. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A refusal to run. The message names the thing and the remedy; it never holds a secret. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The exit code an error carries, whichever code made it; null when it carries none. */
export function exitCodeOf(error: unknown): number | null {
  const code = (error as { exitCode?: unknown } | null | undefined)?.exitCode;
  return typeof code === 'number' ? code : null;
}

/** Code of a failed system call such as `ENOENT`; null for any other error. */
export function systemCodeOf(error: unknown): string | null {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  return typeof code === 'string' && typeof syscall === 'string' ? code : null;
}

/**
 * The refusal that an installation without a usable SQLite addon leads to: built for another Node or
 * system, damaged, or not there. Null for every other error.
 */
export function brokenInstallation(error: unknown): ExitError | null {
  const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string };
  const isMissing = code === 'MODULE_NOT_FOUND' && /better-sqlite3|bindings|file-uri/.test(message);
  const isUnbuilt = /^Could not locate the bindings file/.test(message);
  if (code !== 'ERR_DLOPEN_FAILED' && !isMissing && !isUnbuilt) return null;
  const wanted = /NODE_MODULE_VERSION (\d+)/.exec(message)?.[1];
  const reason = isMissing
    ? 'is not installed'
    : isUnbuilt
      ? 'was never built'
      : wanted
        ? `was built for another Node (module version ${wanted}; this is ${process.version} with ${process.versions.modules})`
        : `cannot be loaded by Node ${process.version} (${message.split('\n')[0]})`;
  const remedy = isMissing ? 'npm ci' : 'npm rebuild better-sqlite3';
  return new ExitError(
    EXIT.configuration,
    `The SQLite addon better-sqlite3 ${reason}. Run \`${remedy}\` where orbitdock-server is installed, ` +
      'with the Node that shall run it',
    { cause: error },
  );
}
