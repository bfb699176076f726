/** `completions`: what a shell completes, made of the definitions of all commands. */
import { Option } from 'clipanion';
import { EXIT, ExitError } from '../exit.ts';
import { OrbitCommand } from './command.ts';

const SHELLS: readonly string[] = ['bash', 'zsh', 'fish'];

/** Prints the completions of a shell. */
export class CompletionsCommand extends OrbitCommand {
  static override paths = [['completions']];
  static override usage = OrbitCommand.Usage({
    description: 'Print what bash, zsh or fish reads to complete commands and options',
    details: 'Made of the commands of this version: let the shell read it anew at each start.',
    examples: [
      ['bash, in ~/.bashrc', 'source <($0 completions bash)'],
      ['zsh, in ~/.zshrc after compinit', 'source <($0 completions zsh)'],
      ['fish, in ~/.config/fish/config.fish', '$0 completions fish | source'],
    ],
  });

  shell = Option.String({ name: 'SHELL' });

  protected async run(): Promise<number> {
    const { shell } = this;
    if (!SHELLS.includes(shell)) {
      const sentence = `There are completions for ${SHELLS.join(', ')}, not for ${JSON.stringify(shell)}`;
      throw new ExitError(EXIT.usage, sentence);
    }
    const completions = completionsOf(
      this.cli.definitions().map(({ path, options }) => ({
        words: path.split(' ').slice(1),
        options: options.flatMap(({ definition }) => definition.split(' ', 1)[0]?.split(',') ?? []),
      })),
    );
    this.printLine(shell === 'fish' ? fishScript(completions) : bashScript(completions, shell));
    return EXIT.ok;
  }
}

interface Definition {
  words: readonly string[];
  options: readonly string[];
}

/** By the words that are there already, what may follow. */
function completionsOf(definitions: readonly Definition[]): ReadonlyMap<string, string[]> {
  const completions = new Map<string, Set<string>>([['', new Set(['help', 'version'])]]);
  for (const { words, options } of definitions) {
    if (words.some((word) => word.startsWith('-'))) continue;
    for (const [at, word] of words.entries()) {
      const before = words.slice(0, at).join(' ');
      completions.set(before, (completions.get(before) ?? new Set()).add(word));
    }
    completions.set(words.join(' '), new Set([...options, '--help', '--data-dir']));
  }
  return new Map([...completions].map(([words, after]) => [words, [...after].sort()]));
}

/** Commands have one word or two; the longest that fits says what may follow, and else files are completed. */
function bashScript(completions: ReadonlyMap<string, string[]>, shell: string): string {
  const cases = [...completions].map(
    ([words, after]) => `    ${JSON.stringify(words)}) after=${JSON.stringify(after.join(' '))} ;;`,
  );
  return [
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_orbitdock_server_after() {',
    '  case "$1" in',
    ...cases,
    '    *) return 1 ;;',
    '  esac',
    '}',
    '_orbitdock_server() {',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    '  local after="" first="" second="" word i current="${COMP_WORDS[COMP_CWORD]}"',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    '    word="${COMP_WORDS[i]}"',
    '    if [[ $word == --data-dir ]]; then i=$((i + 1)); continue; fi',
    '    if [[ $word == -* ]]; then continue; fi',
    '    if [[ -z $first ]]; then first=$word; elif [[ -z $second ]]; then second=$word; fi',
    '  done',
    '  _orbitdock_server_after "$first $second" || _orbitdock_server_after "$first"',
    '  COMPREPLY=($(compgen -W "$after" -- "$current"))',
    '}',
    'complete -o default -F _orbitdock_server orbitdock-server',
  ].join('\n');
}

/** What fish asks is a function of its own: the words that are there, without options. */
function fishScript(completions: ReadonlyMap<string, string[]>): string {
  const cases = [...completions].map(
    ([words, after]) => `    case '${words}'\n      printf '%s\\n' ${after.join(' ')}`,
  );
  return [
    'function __orbitdock_server_after',
    '  switch "$argv"',
    ...cases,
    "    case '*'",
    '      return 1',
    '  end',
    'end',
    'function __orbitdock_server',
    "  set -l words (commandline -opc | string match -v -- '-*')",
    '  set -e words[1]',
    '  __orbitdock_server_after $words[1..2]; or __orbitdock_server_after $words[1]',
    'end',
    "complete -c orbitdock-server -a '(__orbitdock_server)'",
    // No files where a command is due.
    'complete -c orbitdock-server -n \'__orbitdock_server | string match -qv -- "-*"\' -f',
  ].join('\n');
}
