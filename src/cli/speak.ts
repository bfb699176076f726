/**
 * Commands that take part in sessions of a running server: `approve`, `deny`, `answer`, `send`, `interrupt` and `past`.
 * They speak through the typed client that the package exports, and say how it went by their exit code too.
 */
import { Option } from 'clipanion';
import type { Client, ClientMessage, PastSession } from '../client/index.ts';
import { EXIT, type ExitCode, ExitError } from '../exit.ts';
import { readServerNote } from '../files.ts';
import { readTokenFile } from '../secrets.ts';
import { OrbitCommand } from './command.ts';
import { urlOfServer } from './hook-files.ts';

/** A server answers in milliseconds; one that is busy with its disk in some seconds. */
const ANSWER_WITHIN_MS = 10_000;

const CODES = `
  Exits with 0 when it was done, 3 when no server answers, 65 when the server refuses (the reason is printed:
  settled already, not found, only watched), 75 when it is busy, 77 when the token is wrong, 64 when the line is
  not understood.
`;

/** What all of them share: where the server is and how a refusal leaves. */
abstract class SpeakCommand extends OrbitCommand {
  url = Option.String('--url', { description: 'Server elsewhere than at the data directory' });
  token = Option.String('--token-file', {
    description: "File with the token; ORBITDOCK_AUTH_TOKEN, or the data directory's, unless given",
  });
  json = Option.Boolean('--json', false, { description: "The server's answer as JSON" });

  /** @throws ExitError as the usage says */
  protected async speak<Result>(visit: (client: Client) => Promise<Result>): Promise<Result> {
    const [{ createClient, ClientError }, { WebSocket }] = await Promise.all([
      import('../client/index.ts'),
      import('ws'),
    ]);
    const token = this.#secret();
    const client = createClient({
      url: this.#address(),
      token: () => token,
      timeoutMs: ANSWER_WITHIN_MS,
      WebSocket: WebSocket as never,
    });
    try {
      return await visit(client);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      const refused = error.code === 'offline' ? await refusalOf(client) : null;
      if (refused === null) throw new ExitError(exitOf(error.code), error.message);
      throw new ExitError(EXIT.noPermission, `The server refused the connection: ${refused}`);
    } finally {
      client.close();
    }
  }

  /** One message, and what is printed when it was done. */
  protected async tell(message: ClientMessage, done: string): Promise<number> {
    const answer = await this.speak((client) => client.request(message));
    this.say(this.json ? JSON.stringify(answer) : done);
    return EXIT.ok;
  }

  /** The request that is meant: the one that is named, else the one that is open. */
  protected async requestOf(client: Client, session: string, named: string | undefined) {
    if (named !== undefined) return named;
    const { approvals } = await client.request({ type: 'list_approvals', session_id: session });
    const open = approvals.findLast(({ decision }) => decision === null);
    if (open) return open.request_id;
    throw new ExitError(EXIT.badInput, `Session ${session} asks nothing now`);
  }

  #address(): string {
    const { ORBITDOCK_URL } = this.context.env;
    const given = this.url ?? ORBITDOCK_URL;
    if (given) return given;
    const note = readServerNote(this.directory().server);
    if (note) return urlOfServer({ host: note.address, port: note.port });
    const sentence = `No server runs on ${this.directory().dir}; start it, or name one with --url`;
    throw new ExitError(EXIT.notRunning, sentence);
  }

  /** Never an argument: those are seen by every process of the machine. */
  #secret(): string | null {
    const { ORBITDOCK_AUTH_TOKEN } = this.context.env;
    if (this.token !== undefined) {
      const token = readTokenFile(this.token);
      if (token !== null) return token;
      throw new ExitError(EXIT.usage, `There is no token file ${this.token}`);
    }
    if (ORBITDOCK_AUTH_TOKEN) return ORBITDOCK_AUTH_TOKEN;
    return this.url === undefined ? readTokenFile(this.directory().token) : null;
  }
}

/** Why there is no line: the client asks the server once more, and tells it when it tries again otherwise. */
function refusalOf(client: Client): Promise<string | null> {
  return new Promise((resolve) => {
    const look = (): void => {
      const { link } = client;
      if (link.kind === 'refused') resolve(link.reason);
      else if (link.kind !== 'offline') resolve(null);
    };
    client.on('link', look);
    look();
  });
}

/** What a refusal of the server means for the user of the command. */
function exitOf(code: string): ExitCode {
  if (['offline', 'connection_lost', 'timeout', 'closed'].includes(code)) return EXIT.notRunning;
  if (['server_busy', 'storage_unavailable', 'shutting_down'].includes(code)) return EXIT.busy;
  return code === 'unauthorized' || code === 'forbidden' ? EXIT.noPermission : EXIT.badInput;
}

const NAMED = { description: 'Id of the request; the one that is open unless given' };

/** Allows what a session asks. */
export class ApproveCommand extends SpeakCommand {
  static override paths = [['approve']];
  static override usage = OrbitCommand.Usage({
    description: 'Allow what a session asks',
    details: CODES,
    examples: [
      ['Once', '$0 approve SESSION'],
      ['For good, by the first rule that Claude suggests', '$0 approve SESSION --always --rule 0'],
    ],
  });

  session = Option.String();
  request = Option.String('--request', NAMED);
  always = Option.Boolean('--always', false, { description: 'Also from now on, by a rule' });
  forSession = Option.Boolean('--for-session', false, {
    description: 'Also for the rest of the session',
  });
  rules = Option.Array('--rule', {
    description: 'Number of a suggested rule, from 0; may be repeated',
  });
  input = Option.String('--input', {
    description: 'JSON that the tool gets instead of what it asked with: all its fields',
  });

  protected run(): Promise<number> {
    const decision = this.always
      ? 'approved_always'
      : this.forSession
        ? 'approved_for_session'
        : 'approved';
    const suggestions = this.rules?.map((text) => numberFrom('--rule', text));
    const updated_input = this.input === undefined ? undefined : jsonFrom('--input', this.input);
    const extras = {
      ...(suggestions !== undefined && { suggestions }),
      ...(updated_input !== undefined && { updated_input }),
    };
    return this.speak(async (client) => {
      const request_id = await this.requestOf(client, this.session, this.request);
      const about = { session_id: this.session, request_id, decision, ...extras };
      const answer = await client.request({ type: 'approve_tool', ...about });
      this.say(this.json ? JSON.stringify(answer) : `Approved ${request_id}`);
      return EXIT.ok;
    });
  }
}

/** Denies what a session asks. */
export class DenyCommand extends SpeakCommand {
  static override paths = [['deny']];
  static override usage = OrbitCommand.Usage({
    description: 'Deny what a session asks, and say why',
    details: CODES,
    examples: [['And go on otherwise', "$0 deny SESSION 'use the staging database'"]],
  });

  session = Option.String();
  words = Option.String({ required: false });
  request = Option.String('--request', NAMED);
  stop = Option.Boolean('--stop', false, { description: 'End the turn as well' });

  protected run(): Promise<number> {
    const message = this.words?.trim();
    return this.speak(async (client) => {
      const request_id = await this.requestOf(client, this.session, this.request);
      const answer = await client.request({
        ...{ type: 'approve_tool', session_id: this.session, request_id, decision: 'denied' },
        ...(message && { message }),
        ...(this.stop && { interrupt: true }),
      } as ClientMessage);
      this.say(this.json ? JSON.stringify(answer) : `Denied ${request_id}`);
      return EXIT.ok;
    });
  }
}

/** Answers a question. */
export class AnswerCommand extends SpeakCommand {
  static override paths = [['answer']];
  static override usage = OrbitCommand.Usage({
    description: 'Answer a question of a session',
    details: CODES,
    examples: [
      ['One question', '$0 answer SESSION SQLite'],
      ['Several', "$0 answer SESSION --to 'Which database?=SQLite' --to 'Which port?=4000'"],
    ],
  });

  session = Option.String();
  words = Option.String({ required: false });
  request = Option.String('--request', NAMED);
  pairs = Option.Array('--to', { description: 'QUESTION=ANSWER; may be repeated' });

  protected run(): Promise<number> {
    const answers = Object.fromEntries((this.pairs ?? []).map(pairFrom));
    if (this.words === undefined && this.pairs === undefined) {
      throw new ExitError(EXIT.usage, 'Say the answer, or --to QUESTION=ANSWER for each question');
    }
    return this.speak(async (client) => {
      const request_id = await this.requestOf(client, this.session, this.request);
      const about = { session_id: this.session, request_id, answer: this.words ?? '', answers };
      const answer = await client.request({ type: 'answer_question', ...about });
      this.say(this.json ? JSON.stringify(answer) : `Answered ${request_id}`);
      return EXIT.ok;
    });
  }
}

/** Sends words to a session. */
export class SendCommand extends SpeakCommand {
  static override paths = [['send']];
  static override usage = OrbitCommand.Usage({
    description: 'Send a message to a session',
    details: `
      A session in a terminal reads it when its running or next turn ends; until then the message waits.
      ${CODES}
    `,
    examples: [['Words', "$0 send SESSION 'and run the tests'"]],
  });

  session = Option.String();
  words = Option.String();

  protected run(): Promise<number> {
    const message = {
      type: 'send_message',
      session_id: this.session,
      content: this.words,
    } as const;
    return this.tell(message, 'Sent; a session in a terminal reads it when its turn ends');
  }
}

/** Stops a turn. */
export class InterruptCommand extends SpeakCommand {
  static override paths = [['interrupt']];
  static override usage = OrbitCommand.Usage({
    description: 'Stop the running turn of a session',
    details: CODES,
    examples: [['Stop it', '$0 interrupt SESSION']],
  });

  session = Option.String();

  protected run(): Promise<number> {
    return this.tell({ type: 'interrupt_session', session_id: this.session }, 'Interrupted');
  }
}

/** Lists conversations of before, or prints one. */
export class PastCommand extends SpeakCommand {
  static override paths = [['past']];
  static override usage = OrbitCommand.Usage({
    description: 'List conversations of before, or print one',
    details: CODES,
    examples: [
      ['The newest', '$0 past'],
      ['One whole', '$0 past SESSION'],
    ],
  });

  session = Option.String({ required: false });
  limit = Option.String('--limit', '20', { description: 'Sessions of the list' });

  protected run(): Promise<number> {
    const id = this.session;
    return this.speak((client) =>
      id === undefined ? this.#list(client) : this.#print(client, id),
    );
  }

  async #list(client: Client): Promise<number> {
    const limit = numberFrom('--limit', this.limit);
    const { sessions, next } = await client.request({ type: 'list_past_sessions', limit });
    if (this.json) this.say(JSON.stringify({ sessions, next }));
    else this.say(...sessions.map(lineOf));
    return EXIT.ok;
  }

  /** The oldest message first, page by page from the newest. */
  async #print(client: Client, session_id: string): Promise<number> {
    const pages = [];
    for (let before: string | undefined; ; ) {
      const at = before === undefined ? {} : { before };
      const page = await client.request({ type: 'open_past_session', session_id, ...at });
      pages.unshift(page.messages);
      before = page.messages[0]?.id;
      if (!page.has_older || before === undefined) break;
    }
    const messages = pages.flat();
    if (this.json) this.say(JSON.stringify(messages));
    else {
      for (const { message_type: type, tool_name, content, tool_output } of messages) {
        this.say(`[${tool_name ?? type}] ${content}`, ...(tool_output ? [tool_output] : []), '');
      }
    }
    return EXIT.ok;
  }
}

function lineOf({ id, provider, title, first_prompt, last_activity_at }: PastSession): string {
  return `${last_activity_at}  ${provider}  ${id}  ${title ?? first_prompt ?? ''}`;
}

function numberFrom(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new ExitError(EXIT.usage, `${option} ${JSON.stringify(text)} is no number`);
}

function jsonFrom(option: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ExitError(EXIT.usage, `${option} is no JSON`, { cause });
  }
}

function pairFrom(text: string): [string, string] {
  const at = text.lastIndexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new ExitError(EXIT.usage, `--to ${JSON.stringify(text)} is not QUESTION=ANSWER`);
}
