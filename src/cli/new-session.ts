/** Commands that begin sessions and care for the worktrees of some: `new`, `fork` and `worktrees`. */
import { resolve } from 'node:path';
import { Option } from 'clipanion';
import type { Client, ClientMessage, ReplyTo, Worktree } from '../client/index.ts';
import { EXIT, ExitError } from '../exit.ts';
import { ClientCommand, CODES, idOf, numberFrom } from './client-command.ts';
import { OrbitCommand } from './command.ts';

/** A directory of the server's machine, as typed here. @throws ExitError 64 */
function directoryFrom(typed: string | undefined, isElsewhere: boolean): string {
  if (!isElsewhere) return resolve(typed ?? '.');
  if (typed?.startsWith('/')) return typed;
  const sentence = 'The server may be on another machine: say --dir with a whole path there';
  throw new ExitError(EXIT.usage, sentence);
}

const DIRECTORY = { description: 'Directory on the machine of the server; this one unless given' };

const CLAUDE_IN_TERMINAL =
  'A session of Claude Code begins in a terminal: run `claude` there. It is shown and answered here by itself';

/** The only provider whose sessions begin here. @throws ExitError 64 */
function providerFrom(typed: string): 'codex' {
  if (typed === 'codex') return typed;
  if (typed === 'claude') throw new ExitError(EXIT.usage, CLAUDE_IN_TERMINAL);
  throw new ExitError(EXIT.usage, `--provider is codex, not ${JSON.stringify(typed)}`);
}

/** Begins a session. */
export class NewCommand extends ClientCommand {
  static override paths = [['new']];
  static override usage = OrbitCommand.Usage({
    description: 'Begin a session, and send it its first message',
    details: `
      Prints the id of the session. Without a prompt the session waits for one; \`-\` reads it from stdin. ${CODES}
    `,
    examples: [
      ['In this directory', "$0 new 'fix the failing test'"],
      ['In a git worktree of its own', "$0 new --worktree 'rename the table users'"],
      ['Follow it at once', '$0 watch "$($0 new - < task.txt)"'],
    ],
  });

  prompt = Option.String({ required: false, name: 'PROMPT' });
  provider = Option.String('--provider', 'codex', { description: 'Whose agent: codex' });
  dir = Option.String('--dir', DIRECTORY);
  model = Option.String('--model', { description: "One of the provider's models" });
  effort = Option.String('--effort', { description: 'How long it thinks, such as high' });
  mode = Option.String('--mode', {
    description: 'What it may do unasked: such as on-request or never',
  });
  sandbox = Option.String('--sandbox', {
    description: 'What Codex may touch: read-only, workspace-write or danger-full-access',
  });
  worktree = Option.Boolean('--worktree', false, {
    description: 'Works in a new git worktree, on a new branch',
  });
  branch = Option.String('--branch', { description: 'Name of that branch; also says --worktree' });

  protected async run(): Promise<number> {
    const message = this.#message();
    const prompt = this.prompt === undefined ? null : await this.wordsFrom(this.prompt);
    if (prompt?.trim() === '')
      throw new ExitError(EXIT.usage, 'The prompt is empty; say what to do');
    if (prompt === null && this.effort !== undefined) {
      throw new ExitError(EXIT.usage, '--effort goes with a prompt; say what to do');
    }
    return await this.withClient(async (client) => {
      const { session } = await client.request(message);
      // Said before the prompt is sent: when that is refused, the session is there all the same.
      this.printLine(this.json ? JSON.stringify(session) : session.id);
      if (prompt !== null) await this.#send(client, session.id, prompt);
      return EXIT.ok;
    });
  }

  #send(client: Client, session_id: string, content: string): Promise<unknown> {
    const { effort } = this;
    const about = { session_id, content, ...(effort !== undefined && { effort }) };
    return client.request({ type: 'send_message', ...about });
  }

  #message(): Extract<ClientMessage, { type: 'create_session' }> {
    const provider = providerFrom(this.provider);
    const { model, mode, sandbox, branch } = this;
    const cwd = directoryFrom(this.dir, this.isElsewhere());
    const hasWorktree = this.worktree || branch !== undefined;
    return {
      ...{ type: 'create_session', provider, cwd },
      ...(model !== undefined && { model }),
      ...(mode !== undefined && { approval_policy: mode }),
      ...(sandbox !== undefined && { sandbox_mode: sandbox }),
      ...(hasWorktree && { worktree: branch === undefined ? {} : { branch } }),
    };
  }
}

/** Copies a session. */
export class ForkCommand extends ClientCommand {
  static override paths = [['fork']];
  static override usage = OrbitCommand.Usage({
    description: 'Copy a session, whole or up to one of your messages',
    details: `Prints the id of the copy. ${CODES}`,
    examples: [
      ['Whole', '$0 fork SESSION'],
      ['At your third message', '$0 fork SESSION --at 2'],
    ],
  });

  session = Option.String({ name: 'SESSION' });
  at = Option.String('--at', {
    description: 'Number of your message, from 0, at which it is copied',
  });

  protected run(): Promise<number> {
    const nth = this.at === undefined ? {} : { nth_user_message: numberFrom('--at', this.at) };
    return this.withClient(async (client) => {
      const source_session_id = await idOf(client, this.session);
      const answer = await client.request({ type: 'fork_session', source_session_id, ...nth });
      this.printLine(this.json ? JSON.stringify(answer) : answer.new_session_id);
      return EXIT.ok;
    });
  }
}

/** Lists worktrees. */
export class WorktreesListCommand extends ClientCommand {
  static override paths = [['worktrees', 'list']];
  static override usage = OrbitCommand.Usage({
    description: 'List the git worktrees that were made for sessions of a repository',
    details: CODES,
    examples: [['Of the repository here', '$0 worktrees list']],
  });

  dir = Option.String('--dir', DIRECTORY);

  protected run(): Promise<number> {
    const path = directoryFrom(this.dir, this.isElsewhere());
    return this.withClient(async (client) => {
      const { worktrees } = await client.request({ type: 'list_worktrees', path });
      if (this.json) this.printLine(JSON.stringify(worktrees));
      else if (worktrees.length === 0) this.printLine('No worktrees');
      else this.printLine(...worktrees.map(worktreeLine));
      return EXIT.ok;
    });
  }
}

function worktreeLine({ path, branch, base, uncommitted, unmerged }: Worktree): string {
  const facts = [
    branch ?? 'no branch',
    base === null ? 'made from an unknown branch' : `from ${base}`,
    `${uncommitted} uncommitted`,
    `${unmerged} unmerged`,
  ];
  return `${path}  ${facts.join(', ')}`;
}

/** Does something with one worktree. */
abstract class WorktreeCommand extends ClientCommand {
  worktree = Option.String({ name: 'PATH' });

  /** Sends the message about it, and prints what was done. */
  protected change<Message extends ClientMessage>(
    message: (path: string) => Message,
    doneOf: (answer: ReplyTo<Message['type']>) => string,
  ): Promise<number> {
    const path = directoryFrom(this.worktree, this.isElsewhere());
    return this.withClient(async (client) => {
      const answer = await client.request(message(path));
      this.printLine(this.json ? JSON.stringify(answer) : doneOf(answer));
      return EXIT.ok;
    });
  }
}

/** Merges a worktree. */
export class WorktreesMergeCommand extends WorktreeCommand {
  static override paths = [['worktrees', 'merge']];
  static override usage = OrbitCommand.Usage({
    description: 'Merge the branch of a worktree into the branch that it was made from',
    details: CODES,
    examples: [['Bring the work back', '$0 worktrees merge PATH']],
  });

  protected run(): Promise<number> {
    return this.change(
      (path) => ({ type: 'merge_worktree', path }) as const,
      ({ into }) => `Merged into ${into}`,
    );
  }
}

/** Removes a worktree. */
export class WorktreesRemoveCommand extends WorktreeCommand {
  static override paths = [['worktrees', 'remove']];
  static override usage = OrbitCommand.Usage({
    description: 'Remove a worktree whose session is over; its branch stays',
    details: `
      Refused while something in it is in no commit, or, with \`--delete-branch\`, on no other branch. ${CODES}
    `,
    examples: [['With its branch', '$0 worktrees remove PATH --delete-branch']],
  });

  deleteBranch = Option.Boolean('--delete-branch', false, { description: 'Its branch as well' });

  protected run(): Promise<number> {
    const keep_branch = !this.deleteBranch;
    return this.change(
      (path) => ({ type: 'remove_worktree', path, keep_branch }) as const,
      () => (keep_branch ? 'Removed; its branch stays' : 'Removed, with its branch'),
    );
  }
}
