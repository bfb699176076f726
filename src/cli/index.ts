/**
 * The command line: from the words after the program's name to an exit code. Before clipanion sees them,
 * two things are put in order that it would call ambiguous: the global `--data-dir`, which may stand
 * anywhere, and the old form without a subcommand, which means `start`.
 */
import { PassThrough } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import { Builtins, Cli, type CommandClass } from 'clipanion';
import { closest, distance } from 'fastest-levenshtein';
import { EXIT, ExitError } from '../exit.ts';
import { serverVersion } from '../version.ts';
import { AuditCommand } from './audit.ts';
import { type OrbitContext, printable } from './command.ts';
import { CompletionsCommand } from './completions.ts';
import { LogsCommand, RestartCommand, StopCommand } from './control.ts';
import {
  BackupCommand,
  GenerateTokenCommand,
  InitCommand,
  RestoreCommand,
} from './data-directory.ts';
import { DemoCommand } from './demo.ts';
import { DoctorCommand } from './doctor.ts';
import { InstallHooksCommand, UninstallHooksCommand } from './install-hooks.ts';
import {
  ForkCommand,
  NewCommand,
  WorktreesListCommand,
  WorktreesMergeCommand,
  WorktreesRemoveCommand,
} from './new-session.ts';
import {
  NotifyAddCommand,
  NotifyListCommand,
  NotifyRemoveCommand,
  NotifyTestCommand,
} from './notify.ts';
import { ReplayCommand } from './replay.ts';
import { InstallServiceCommand, UninstallServiceCommand } from './service.ts';
import {
  AnswerCommand,
  ApproveCommand,
  DenyCommand,
  InterruptCommand,
  PastCommand,
  SendCommand,
} from './session-commands.ts';
import { SessionsCommand } from './session-list.ts';
import {
  ExportCommand,
  OpenCommand,
  SearchCommand,
  ShowCommand,
  WatchCommand,
} from './show-sessions.ts';
import { StartCommand } from './start.ts';
import { StatusCommand } from './status.ts';
import {
  PairCommand,
  TokensCreateCommand,
  TokensListCommand,
  TokensRevokeCommand,
  TokensRotateCommand,
} from './tokens.ts';
import { UsageCommand } from './usage.ts';

/** The subcommands, in the order in which help lists them. */
const COMMANDS: readonly CommandClass<OrbitContext>[] = [
  StartCommand,
  InitCommand,
  InstallHooksCommand,
  UninstallHooksCommand,
  StatusCommand,
  StopCommand,
  RestartCommand,
  LogsCommand,
  DoctorCommand,
  InstallServiceCommand,
  UninstallServiceCommand,
  GenerateTokenCommand,
  TokensCreateCommand,
  TokensListCommand,
  TokensRevokeCommand,
  TokensRotateCommand,
  PairCommand,
  NotifyAddCommand,
  NotifyListCommand,
  NotifyRemoveCommand,
  NotifyTestCommand,
  AuditCommand,
  UsageCommand,
  BackupCommand,
  RestoreCommand,
  SessionsCommand,
  ShowCommand,
  WatchCommand,
  NewCommand,
  ForkCommand,
  SearchCommand,
  ExportCommand,
  OpenCommand,
  WorktreesListCommand,
  WorktreesMergeCommand,
  WorktreesRemoveCommand,
  ApproveCommand,
  DenyCommand,
  AnswerCommand,
  SendCommand,
  InterruptCommand,
  PastCommand,
  CompletionsCommand,
  DemoCommand,
  ReplayCommand,
];

/**
 * The subcommands, registered; `runCli` is how a whole command line is run.
 *
 * @param enableColors  for help and usage only: what commands say is plain everywhere
 */
function createCli(
  commands: readonly CommandClass<OrbitContext>[],
  { enableColors }: { enableColors: boolean },
): Cli<OrbitContext> {
  const cli = new Cli<OrbitContext>({
    enableColors,
    binaryLabel: 'OrbitDock Server (every command also takes --data-dir PATH)',
    binaryName: 'orbitdock-server',
    binaryVersion: serverVersion(),
  });
  for (const command of commands) cli.register(command);
  cli.register(Builtins.HelpCommand);
  cli.register(Builtins.VersionCommand);
  return cli;
}

/**
 * Runs one command line.
 *
 * @param argv  the words after the program's name
 * @param overrides  streams and environment other than the process's own, for tests
 * @returns the exit code; a line we do not understand gives 64 and its usage on stderr
 */
export async function runCli(
  argv: readonly string[],
  overrides: Partial<OrbitContext> = {},
): Promise<number> {
  const context = { ...Cli.defaultContext, dataDir: undefined, ...overrides };
  try {
    const { dataDir, rest } = peelDataDir(argv);
    const words = withSubcommand(rest);
    if (words[0] === 'start') await warmUp();
    return await runWords(words, { ...context, dataDir });
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    context.stderr.write(printable(`orbitdock-server: ${error.message}\n`));
    return EXIT.usage;
  }
}

async function runWords(words: string[], context: OrbitContext): Promise<number> {
  const looks = { enableColors: isColorful(context.stdout, context.env) };
  // A parser of all commands takes a fifth of a whole start to make, so a line is read by one of those that its first
  // word names; all are there for a line that names none, for what lists them, and to say what was meant.
  const named = COMMANDS.filter(({ paths }) => paths?.some((path) => path[0] === words[0]));
  const isOfAll = named.length === 0 || named.includes(CompletionsCommand);
  const cli = createCli(isOfAll ? COMMANDS : named, looks);
  let command: ReturnType<typeof cli.process>;
  try {
    command = cli.process(words, context);
  } catch (error) {
    const sentence = notUnderstood(createCli(COMMANDS, looks), words, error as Error);
    // Without colours, which are control characters as well: the usage repeats the words of the line.
    const usage = () => cli.error(error as Error, { colored: false });
    context.stderr.write(
      printable(sentence === null ? withPlaceholders(usage()) : `orbitdock-server: ${sentence}\n`),
    );
    return EXIT.usage;
  }
  if (words.some((word) => word === '--help' || word === '-h')) {
    // Clipanion writes the usage itself.
    const usage = new PassThrough();
    const exitCode = await cli.run(command as never, { ...context, stdout: usage });
    context.stdout.write(withPlaceholders(await readText(usage.end())));
    return exitCode;
  }
  // Clipanion takes a prepared command where its types ask for words; its `process` made this one.
  return await cli.run(command as never, context);
}

/** What an option takes, where its name does not say it. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  '--token-file': 'FILE',
  '--auth-token-file': 'FILE',
  '--output': 'FILE',
  '--tls-cert': 'FILE',
  '--tls-key': 'FILE',
  '--dir': 'PATH',
  '--bind': 'ADDRESS:PORT',
  '--to': 'QUESTION=ANSWER',
  '--at': 'NUMBER',
  '--rule': 'NUMBER',
  '--limit': 'NUMBER',
  '--lines': 'NUMBER',
  '--messages': 'NUMBER',
  '--input': 'JSON',
};

/** The usage of a command with words where clipanion numbers the arguments of options (`#0`), still in columns. */
function withPlaceholders(usage: string): string {
  const isOption = (line: string) => / #0/.test(line);
  const wordOf = (line: string): string => {
    const name = /(--[a-z-]+) #0/.exec(line)?.[1] ?? '';
    return PLACEHOLDERS[name] ?? name.slice(2).split('-').at(-1)?.toUpperCase() ?? 'VALUE';
  };
  const lines = usage.split('\n');
  const grown = Math.max(0, ...lines.filter(isOption).map((line) => wordOf(line).length - 2));
  return lines
    .map((line) => {
      const word = isOption(line) ? wordOf(line) : '#0';
      const filled = line.replace(
        /--[a-z-]+ #0/g,
        (option) => `${option.slice(0, -3)} ${wordOf(option)}`,
      );
      // Only lines of options have such a column; what describes them begins behind two spaces or more.
      const column = /^(\W*--?[a-z][\w,-]*(?: \S+)?\W*?)( {2,})(?=\S)/;
      return filled.replace(
        column,
        (_, option: string, gap: string) => `${option}${gap}${' '.repeat(grown + 2 - word.length)}`,
      );
    })
    .join('\n');
}

/** What was meant by an unknown command or option, and where to look; null for any other fault. */
function notUnderstood(cli: Cli<OrbitContext>, words: string[], error: Error): string | null {
  const definitions = cli.definitions().map(({ path, options }) => ({
    words: path.split(' ').slice(1),
    options: options.flatMap(({ definition }) => definition.split(' ', 1)[0]?.split(',') ?? []),
  }));
  const definition = definitions.find(({ words: path }) =>
    path.every((word, i) => word === words[i]),
  );
  if (definition === undefined) {
    const names = definitions.map(({ words: path }) => path.join(' '));
    // What it was called with is behind: a command has one word or two.
    const end = words.findIndex((word) => word.startsWith('-'));
    const called = end === -1 ? words : words.slice(0, end);
    const typed = (called.length === 0 ? words : called).slice(0, 2);
    const isNear = (word: string): boolean => guess(word, names) !== '.';
    const meant = isNear(typed.join(' ')) ? typed.join(' ') : (typed[0] ?? '');
    return `There is no command ${JSON.stringify(meant)}${guess(meant, names)} Run \`orbitdock-server help\` for all of them`;
  }
  const option = /Unsupported option name \("(.*)"\)/.exec(error.message)?.[1];
  if (option === undefined) return null;
  const name = definition.words.join(' ');
  const known = [...definition.options, '--help', '--data-dir'];
  return `${name} has no option ${option}${guess(option, known)} Run \`orbitdock-server ${name} --help\` for all of them`;
}

/** The nearest of the known words, where one is near enough to be meant. */
function guess(word: string, known: readonly string[]): string {
  const nearest = closest(word, known);
  const isNear = distance(word, nearest) <= Math.max(2, Math.floor(word.length / 3));
  return isNear ? `; did you mean \`${nearest}\`?` : '.';
}

/**
 * Takes `--data-dir X` and `--data-dir=X` out of a command line, wherever they stand; the last one counts.
 *
 * @throws ExitError 64 when the path is missing or empty
 */
export function peelDataDir(argv: readonly string[]): {
  dataDir: string | undefined;
  rest: string[];
} {
  const rest: string[] = [];
  let dataDir: string | undefined;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    if (word !== '--data-dir' && !word.startsWith('--data-dir=')) {
      rest.push(word);
      continue;
    }
    dataDir = word === '--data-dir' ? argv[++i] : word.slice('--data-dir='.length);
    if (!dataDir) throw new ExitError(EXIT.usage, '--data-dir needs a path');
  }
  return { dataDir, rest };
}

/**
 * The line as clipanion takes it. `--bind X`, `--bind X start` and nothing at all are spellings of
 * `start --bind X`; `help`, `help start`, `version` and `-V` are those of its own flags.
 */
function withSubcommand(words: string[]): string[] {
  const [first, ...rest] = words;
  if (first === 'help') return [...rest, '--help'];
  if (first === 'version' || first === '-V') return ['--version', ...rest];
  if (first !== undefined && (!first.startsWith('-') || isBuiltin(first))) return words;
  const start = words.indexOf('start');
  return ['start', ...words.filter((_, i) => i !== start)];
}

/**
 * The database's thread takes longer to load than all the rest of a start, so it begins before anything
 * is decided. A line that turns out to be wrong has started it in vain: it opens nothing by itself.
 */
async function warmUp(): Promise<void> {
  const { warmUpThread } = await import('../store/thread/start.ts');
  warmUpThread();
}

const isBuiltin = (word: string): boolean => ['-h', '--help', '-v', '--version'].includes(word);

function isColorful(stream: OrbitContext['stdout'], env: OrbitContext['env']): boolean {
  return 'isTTY' in stream && stream.isTTY === true && !env.NO_COLOR;
}
