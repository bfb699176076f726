/**
 * What all subcommands share: the context they run in and how a failure leaves. A command writes only
 * to its context's streams and returns an exit code; it never ends the process itself.
 */
import { homedir } from 'node:os';
import { type BaseContext, Command } from 'clipanion';
import type { ConfigSources, DataPaths, Flags } from '../config.ts';
import { resolvePaths } from '../config.ts';
import { brokenInstallation, EXIT, exitCodeOf, systemCodeOf } from '../exit.ts';
import { keepAddonIn } from '../standalone.ts';
import { shellQuote } from './hook-files.ts';

/** The streams and environment of clipanion, and the global flag peeled off before it saw the line. */
export interface OrbitContext extends BaseContext {
  dataDir: string | undefined;
}

/** Base of every subcommand: implement `run`, throw an ExitError to refuse. */
export abstract class OrbitCommand extends Command<OrbitContext> {
  /** @returns the exit code */
  protected abstract run(): Promise<number>;

  override async execute(): Promise<number> {
    try {
      keepAddonIn(this.directory().dir);
      return await this.run();
    } catch (error) {
      return this.#report(error);
    }
  }

  /** Data directory by flag, environment or default. */
  directory(): DataPaths {
    return resolvePaths(this.sources({}));
  }

  /** What `resolveConfig` wants to know, with the global flag put in its place. */
  protected sources(flags: Flags): ConfigSources {
    const { env, dataDir } = this.context;
    return { flags: { ...flags, dataDir }, env, home: this.home() };
  }

  /** The user's home; the environment goes first, so that a test can have its own. */
  protected home(): string {
    return this.context.env.HOME || homedir();
  }

  /** A command to type next, as a shell takes it, for the same data directory as this one's. */
  protected commandLine(...words: string[]): string {
    const { dataDir } = this.context;
    const own = dataDir === undefined ? [] : ['--data-dir', dataDir];
    return ['orbitdock-server', ...own, ...words].map(shellQuote).join(' ');
  }

  /** Prints lines to stdout; none are no line. */
  printLine(...lines: string[]): void {
    if (lines.length === 0) return;
    this.context.stdout.write(`${lines.map(printable).join('\n')}\n`);
  }

  /** Prints lines to stderr. */
  warn(...lines: string[]): void {
    this.context.stderr.write(`${lines.map(printable).join('\n')}\n`);
  }

  /** A refusal is a sentence; a failed system call names itself; anything else is a bug, with its stack. */
  #report(thrown: unknown): number {
    const error = brokenInstallation(thrown) ?? thrown;
    const exitCode = exitCodeOf(error);
    const isExpected = exitCode !== null || systemCodeOf(error) !== null;
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    this.warn(`orbitdock-server: ${isExpected ? message : (stack ?? message)}`);
    return exitCode ?? (isExpected ? EXIT.failure : EXIT.software);
  }
}

/**
 * A text that a terminal only shows: control characters (but line breaks and tabs), line separators and the
 * characters that turn the direction of writing become `\uXXXX`, because file names and bundles come from
 * other programs. JSON stays JSON with the same meaning; joined emoji stay whole.
 */
export function printable(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Rows of a table, each column as wide as its widest cell. */
export function columns(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd(),
  );
}

/** A change of the database of tokens and recipients. */
export type DatabaseChange<T> = (database: import('../store/database.ts').Sqlite) => T;

/** Runs a change of the database, also beside a running server; nothing is changed when it throws. */
export async function changeDatabase<T>(
  command: OrbitCommand,
  work: DatabaseChange<T>,
): Promise<T> {
  const paths = command.directory();
  process.umask(0o077);
  const [{ openDataDirectory }, { changeTokens }] = await Promise.all([
    import('../files.ts'),
    import('../store/tokens.ts'),
  ]);
  openDataDirectory(paths);
  return await changeTokens(paths, work);
}
