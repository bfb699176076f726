/**
 * Commands that take part in sessions of a running server: `approve`, `deny`, `answer`, `send`, `interrupt` and `past`.
 */
import { Option } from 'clipanion';
import type { Client, ClientMessage, PastSession } from '../client/index.ts';
import { EXIT, ExitError } from '../exit.ts';
import { ClientCommand, CODES, idOf, numberFrom } from './client-command.ts';
import { OrbitCommand } from './command.ts';

const NAMED = { description: 'Id of the request; the one that is open unless given' };

/** The request that a message is about. */
interface About {
  session_id: string;
  request_id: string;
}

/** Settles what a session asks: the request that is named, else the one that is open. */
abstract class SettlingCommand extends ClientCommand {
  session = Option.String({ name: 'SESSION' });
  request = Option.String('--request', NAMED);

  /** Sends the message, and prints what was done to which request. */
  protected settle(done: string, message: (about: About) => ClientMessage): Promise<number> {
    return this.withClient(async (client) => {
      const session_id = await idOf(client, this.session);
      const request_id = await this.requestOf(client, session_id, this.request);
      const answer = await client.request(message({ session_id, request_id }));
      this.printLine(this.json ? JSON.stringify(answer) : `${done} ${request_id}`);
      return EXIT.ok;
    });
  }
}

/** Allows what a session asks. */
export class ApproveCommand extends SettlingCommand {
  static override paths = [['approve']];
  static override usage = OrbitCommand.Usage({
    description: 'Allow what a session asks',
    details: CODES,
    examples: [
      ['Once', '$0 approve SESSION'],
      ['For good, by the first rule that Claude suggests', '$0 approve SESSION --always --rule 0'],
    ],
  });

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
    return this.settle('Approved', (about) => ({
      ...{ type: 'approve_tool', decision },
      ...about,
      ...extras,
    }));
  }
}

/** Denies what a session asks. */
export class DenyCommand extends SettlingCommand {
  static override paths = [['deny']];
  static override usage = OrbitCommand.Usage({
    description: 'Deny what a session asks, and say why',
    details: CODES,
    examples: [['And go on otherwise', "$0 deny SESSION 'use the staging database'"]],
  });

  words = Option.String({ required: false, name: 'WORDS' });
  stop = Option.Boolean('--stop', false, { description: 'End the turn as well' });

  protected run(): Promise<number> {
    const message = this.words?.trim();
    return this.settle('Denied', (about) => ({
      ...{ type: 'approve_tool', decision: 'denied' },
      ...about,
      ...(message && { message }),
      ...(this.stop && { interrupt: true }),
    }));
  }
}

/** Answers a question. */
export class AnswerCommand extends SettlingCommand {
  static override paths = [['answer']];
  static override usage = OrbitCommand.Usage({
    description: 'Answer a question of a session',
    details: CODES,
    examples: [
      ['One question', '$0 answer SESSION SQLite'],
      ['Several', "$0 answer SESSION --to 'Which database?=SQLite' --to 'Which port?=4000'"],
    ],
  });

  words = Option.String({ required: false, name: 'WORDS' });
  pairs = Option.Array('--to', { description: 'QUESTION=ANSWER; may be repeated' });

  protected run(): Promise<number> {
    const answers = Object.fromEntries((this.pairs ?? []).map(pairFrom));
    if (this.words === undefined && this.pairs === undefined) {
      throw new ExitError(EXIT.usage, 'Say the answer, or --to QUESTION=ANSWER for each question');
    }
    return this.settle('Answered', (about) => ({
      ...{ type: 'answer_question', answer: this.words ?? '', answers },
      ...about,
    }));
  }
}

/** Sends words to a session. */
export class SendCommand extends ClientCommand {
  static override paths = [['send']];
  static override usage = OrbitCommand.Usage({
    description: 'Send a message to a session',
    details: `
      A session in a terminal reads it when its running or next turn ends; until then the message waits.
      ${CODES}
    `,
    examples: [
      ['Words', "$0 send SESSION 'and run the tests'"],
      ['A file', '$0 send SESSION - < plan.txt'],
    ],
  });

  session = Option.String({ name: 'SESSION' });
  words = Option.String({ name: 'WORDS' });

  protected async run(): Promise<number> {
    const content = await this.wordsFrom(this.words);
    return await this.sendAbout(
      this.session,
      (session_id) => ({ type: 'send_message', session_id, content }),
      'Sent; a session in a terminal reads it when its turn ends',
    );
  }
}

/** Stops a turn. */
export class InterruptCommand extends ClientCommand {
  static override paths = [['interrupt']];
  static override usage = OrbitCommand.Usage({
    description: 'Stop the running turn of a session',
    details: CODES,
    examples: [['Stop it', '$0 interrupt SESSION']],
  });

  session = Option.String({ name: 'SESSION' });

  protected run(): Promise<number> {
    return this.sendAbout(
      this.session,
      (session_id) => ({ type: 'interrupt_session', session_id }),
      'Interrupted',
    );
  }
}

/** Lists conversations of before, or prints one. */
export class PastCommand extends ClientCommand {
  static override paths = [['past']];
  static override usage = OrbitCommand.Usage({
    description: 'List conversations of before, or print one',
    details: CODES,
    examples: [
      ['The newest', '$0 past'],
      ['One whole', '$0 past SESSION'],
    ],
  });

  session = Option.String({ required: false, name: 'SESSION' });
  limit = Option.String('--limit', '20', { description: 'Sessions of the list' });

  protected run(): Promise<number> {
    const id = this.session;
    return this.withClient((client) =>
      id === undefined ? this.#list(client) : this.#print(client, id),
    );
  }

  async #list(client: Client): Promise<number> {
    const limit = numberFrom('--limit', this.limit);
    const { sessions, next } = await client.request({ type: 'list_past_sessions', limit });
    if (this.json) this.printLine(JSON.stringify({ sessions, next }));
    else if (sessions.length === 0) this.printLine('No conversations');
    else this.printLine(...sessions.map(lineOf));
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
    if (this.json) this.printLine(JSON.stringify(messages));
    else {
      for (const { message_type: type, tool_name, content, tool_output } of messages) {
        this.printLine(
          `[${tool_name ?? type}] ${content}`,
          ...(tool_output ? [tool_output] : []),
          '',
        );
      }
    }
    return EXIT.ok;
  }
}

function lineOf({ id, provider, title, first_prompt, last_activity_at }: PastSession): string {
  return `${last_activity_at}  ${provider}  ${id}  ${title ?? first_prompt ?? ''}`;
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
