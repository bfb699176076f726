/** Commands that show sessions of a running server: `show`, `watch`, `search`, `export` and `open`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Option } from 'clipanion';
import type { ConversationFormat, Message, SessionState, SessionView } from '../client/index.ts';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import {
  ClientCommand,
  type ClientLibrary,
  CODES,
  endOf,
  idOf,
  numberFrom,
  sessionOf,
  stateOf,
  widthOf,
} from './client-command.ts';
import { OrbitCommand, printable } from './command.ts';

/** Shows one session. */
export class ShowCommand extends ClientCommand {
  static override paths = [['show']];
  static override usage = OrbitCommand.Usage({
    description: 'Show a session: what it is, what it asks, its newest messages',
    details: CODES,
    examples: [
      ['One whose id begins so', '$0 show 3f2a'],
      ['With its newest 50 messages', '$0 show SESSION -n 50'],
    ],
  });

  session = Option.String({ name: 'SESSION' });
  lines = Option.String('-n,--messages', '10', { description: 'How many of the newest messages' });

  protected run(): Promise<number> {
    const limit = numberFrom('--messages', this.lines);
    return this.withClient(async (client, library) => {
      const state = await stateOf(client, await idOf(client, this.session), limit);
      if (this.json) this.printLine(JSON.stringify(state));
      else
        this.printLine(
          ...headLines(state, library),
          ...state.messages.flatMap(library.messageLines),
        );
      return EXIT.ok;
    });
  }
}

function headLines(state: SessionState, { titleOf, requestLines }: ClientLibrary): string[] {
  const { token_usage: usage, pending_approval: request } = state;
  const window = usage.context_window;
  const used = usage.context_tokens ?? usage.input_tokens;
  const facts: [string, string | number | null | undefined][] = [
    ['Id', state.id],
    ['State', state.work_status],
    ['Agent', [state.provider, state.model].filter(Boolean).join(', ')],
    ['Project', state.current_cwd ?? state.project_path],
    ['Branch', state.git_branch],
    ['Context', window > 0 ? `${Math.round((used / window) * 100)} % of ${window} tokens` : null],
    ['Cost', usage.cost_usd === undefined ? null : `$${usage.cost_usd.toFixed(2)}`],
    ['Started', state.started_at],
    ['Active', state.last_activity_at],
    ['Messages', state.message_count],
    ['Terminal', state.resume_command],
  ];
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return [
    titleOf(state),
    ...known.map(([name, value]) => `  ${name.padEnd(9)} ${value}`),
    '',
    ...(request ? [...requestLines(request, isAnswerable(state)), ''] : []),
  ];
}

function isAnswerable(state: SessionView | SessionState): boolean {
  const modes = [state.claude_integration_mode, state.codex_integration_mode];
  return modes.includes('direct') || state.pending_approval?.answerable === true;
}

/** Follows one session. */
export class WatchCommand extends ClientCommand {
  static override paths = [['watch']];
  static override usage = OrbitCommand.Usage({
    description: 'Follow a session: its messages and what it asks, until it ends',
    details: `
      Ends with the session, or with Ctrl-C. A message is printed when it is whole; with \`--json\` each frame of the
      session is a line. ${CODES}
    `,
    examples: [['Follow it', '$0 watch SESSION']],
  });

  session = Option.String({ name: 'SESSION' });
  lines = Option.String('-n,--messages', '5', { description: 'Messages of before to begin with' });

  protected run(): Promise<number> {
    const before = numberFrom('--messages', this.lines);
    return this.withClient(async (client, library) => {
      const id = await idOf(client, this.session);
      const printed = new Set<string>();
      let asked: string | null = null;
      let isFirst = true;
      const over = new Promise<void>((resolve, reject) => {
        client.on('unavailable', (_, error) => reject(error));
        client.on('session', (view, frame) => {
          if (isFirst) skip(view, before, printed);
          isFirst = false;
          if (this.json) this.printLine(JSON.stringify(frame));
          else asked = this.#print(view, { printed, asked, library });
          if (view.status === 'ended') resolve();
        });
      });
      client.watch(id);
      await Promise.race([over, endOf(this, client)]);
      return EXIT.ok;
    });
  }

  /** @returns the request that is open now */
  #print(
    view: SessionView,
    {
      printed,
      asked,
      library,
    }: { printed: Set<string>; asked: string | null; library: ClientLibrary },
  ): string | null {
    const { messageLines, requestLines } = library;
    for (const [at, message] of view.messages.entries()) {
      const isLast = at === view.messages.length - 1;
      if (printed.has(message.id) || !isWhole(message, isLast, view)) continue;
      printed.add(message.id);
      this.printLine(...messageLines(message));
    }
    const { pending_approval: request } = view;
    if (request && request.id !== asked)
      this.printLine(...requestLines(request, isAnswerable(view)), '');
    if (view.status === 'ended') this.printLine('[ended]');
    return request?.id ?? null;
  }
}

function skip(view: SessionView, count: number, printed: Set<string>): void {
  const older = view.messages.slice(0, Math.max(0, view.messages.length - count));
  for (const { id } of older) printed.add(id);
}

/** An agent's words may be on their way until something follows them, or its turn is over. */
function isWhole(message: Message, isLast: boolean, view: SessionView): boolean {
  if (message.is_in_progress) return view.work_status === 'ended';
  const isStreamed = message.message_type === 'assistant' || message.message_type === 'thinking';
  return !isStreamed || !isLast || view.work_status !== 'working';
}

/** Finds words in conversations. */
export class SearchCommand extends ClientCommand {
  static override paths = [['search']];
  static override usage = OrbitCommand.Usage({
    description: 'Find words in all conversations',
    details: `
      Filters stand among the words: \`project:\` \`file:\` \`agent:\` \`is:\` \`when:\`; a text in quotes is meant as it stands.
      Exits with 0 also when nothing is found. ${CODES}
    `,
    examples: [
      ['Words', '$0 search database migration'],
      ["Yesterday's session that touched a file", '$0 search file:repository.ts when:yesterday'],
    ],
  });

  words = Option.Rest({ name: 'WORDS', required: 1 });
  limit = Option.String('--limit', '20', { description: 'How many of the newest' });

  protected run(): Promise<number> {
    const limit = numberFrom('--limit', this.limit);
    return this.withClient(async (client, { cut }) => {
      const query = this.words.join(' ');
      const found = await client.request({
        ...{ type: 'search', query, limit },
        utc_offset_minutes: -new Date().getTimezoneOffset(),
      });
      const width = widthOf(this);
      if (this.json) this.printLine(JSON.stringify(found));
      else if (found.hits.length === 0) this.printLine('Nothing found');
      else {
        for (const { session_id, title, timestamp, tool_name, message_type, line } of found.hits) {
          const head = `${session_id}  ${timestamp ?? ''}  ${title}`;
          const words = `  [${tool_name ?? message_type ?? 'title'}] ${line.trim()}`;
          this.printLine(
            ...[head, words].map((text) => (width === null ? text : cut(text, width))),
          );
        }
      }
      return EXIT.ok;
    });
  }
}

const FORMATS: readonly ConversationFormat[] = ['md', 'jsonl', 'html'];

/** Writes a conversation into a file. */
export class ExportCommand extends ClientCommand {
  static override paths = [['export']];
  static override usage = OrbitCommand.Usage({
    description: 'Write a whole conversation: Markdown, JSON lines or HTML',
    details: `
      Without \`--output\` it goes to stdout. A file that is there already is not replaced. The text is what the
      session said; look for secrets in it before you hand it on. ${CODES}
    `,
    examples: [
      ['To read', '$0 export SESSION'],
      ['A page to hand on', '$0 export SESSION -o session.html'],
    ],
  });

  session = Option.String({ name: 'SESSION' });
  format = Option.String('--format', {
    description: 'md, jsonl or html; as the file is called, else md',
  });
  output = Option.String('-o,--output', { description: 'File to write; only you may read it' });

  protected run(): Promise<number> {
    const format = this.#format();
    return this.withClient(async (client, { conversationFile }) => {
      const session = await sessionOf(client, this.session);
      const parts = conversationFile(client, session, format);
      const { output } = this;
      if (output === undefined) {
        const { stdout } = this.context;
        const isTerminal = widthOf(this) !== null;
        for await (const part of parts) stdout.write(isTerminal ? printable(part) : part);
        return EXIT.ok;
      }
      await writeNew(output, parts);
      this.printLine(
        this.json ? JSON.stringify({ id: session.id, output }) : `Written to ${output}`,
      );
      return EXIT.ok;
    });
  }

  #format(): ConversationFormat {
    const ending = /\.([a-z]+)$/.exec(this.output ?? '')?.[1];
    const wanted = this.format ?? (FORMATS.find((each) => each === ending) || 'md');
    const format = FORMATS.find((each) => each === wanted);
    if (format !== undefined) return format;
    throw new ExitError(EXIT.usage, `--format is md, jsonl or html, not ${JSON.stringify(wanted)}`);
  }
}

async function writeNew(path: string, parts: AsyncIterable<string>): Promise<void> {
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  try {
    await once(file, 'open');
    for await (const part of parts) {
      if (!file.write(part)) await once(file, 'drain');
    }
    file.end();
    await once(file, 'close');
  } catch (error) {
    file.destroy();
    if (systemCodeOf(error) !== 'EEXIST') throw error;
    throw new ExitError(EXIT.badInput, `${path} is there already; name another file`);
  }
}

/** Shows a session in the browser. */
export class OpenCommand extends ClientCommand {
  static override paths = [['open']];
  static override usage = OrbitCommand.Usage({
    description: 'Open the page, or a session on it, in the browser',
    details: `
      Prints the address, and opens it where this is a terminal of this machine. The address has no token in it: the page
      asks for one where it is needed. ${CODES}
    `,
    examples: [
      ['The page', '$0 open'],
      ['One session', '$0 open SESSION'],
    ],
  });

  session = Option.String({ required: false, name: 'SESSION' });
  print = Option.Boolean('--print', false, { description: 'Only print the address' });

  protected async run(): Promise<number> {
    const { session } = this;
    const id = session && (await this.withClient((client) => idOf(client, session)));
    const base = `${this.address().replace(/\/+$/, '')}/visualizer/`;
    const address = id ? `${base}s/${encodeURIComponent(id)}` : base;
    this.printLine(this.json ? JSON.stringify({ url: address }) : address);
    const { SSH_CONNECTION } = this.context.env;
    if (this.print || this.json || widthOf(this) === null) return EXIT.ok;
    if (SSH_CONNECTION) {
      const { port } = new URL(address);
      this.printLine(
        `On your own machine first: ssh -L ${port}:127.0.0.1:${port} ${SSH_CONNECTION.split(' ')[2]}`,
      );
      return EXIT.ok;
    }
    const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
    const child = spawn(opener, [address], { stdio: 'ignore', detached: true });
    child.on('error', () =>
      this.warn(`orbitdock-server: ${opener} cannot be run; open it yourself`),
    );
    child.unref();
    return EXIT.ok;
  }
}
