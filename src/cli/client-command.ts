/**
 * What commands share that ask a running server, here or elsewhere: where it is, with which token, which session is
 * meant, and how a refusal leaves. They use the typed client that the package exports.
 */
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { Option } from 'clipanion';
import type { AskStatus } from '../client/connection.ts';
import type { Client, ClientMessage, SessionState, SessionSummary } from '../client/index.ts';
import { EXIT, type ExitCode, ExitError } from '../exit.ts';
import { readServerNote } from '../files.ts';
import { readTokenFile } from '../secrets.ts';
import { OrbitCommand } from './command.ts';
import { urlOfServer } from './hook-files.ts';

/** A server answers in milliseconds; one that is busy with its disk in some seconds. */
const ANSWER_WITHIN_MS = 10_000;

/** Sessions of one question to the server. */
const PAGE = 500;

/** What `--help` says of the session, the token and the exit codes of these commands. */
export const CODES = `
  SESSION is an id, the beginning of one, or a title or part of one, as long as it means one session.

  The server is that of the data directory, or the one of \`--url\` or ORBITDOCK_URL. The token is read from a file or from
  ORBITDOCK_AUTH_TOKEN and is never an argument, because every process of the machine sees those.

  Exits with 0 when it was done, 3 when no server answers, 65 when the server refuses (the reason is printed:
  settled already, not found, only watched), 75 when it is busy, 77 when the token is wrong, 64 when the line is
  not understood.
`;

/**
 * What a command needs that sends requests to a server: the typed client, and the lines a terminal gets. Loaded when the
 * command runs, for a start needs none of it: what measures the width of characters alone takes 40 ms to load.
 */
export type ClientLibrary = typeof import('../client/index.ts') &
  typeof import('./session-lines.ts');

/** Base of every command that asks a running server. */
export abstract class ClientCommand extends OrbitCommand {
  url = Option.String('--url', { description: 'Server elsewhere than at the data directory' });
  token = Option.String('--token-file', {
    description: "File with the token; ORBITDOCK_AUTH_TOKEN, or the data directory's, unless given",
  });
  json = Option.Boolean('--json', false, { description: "The server's answer as JSON" });

  /** @throws ExitError as the usage says */
  protected async withClient<Result>(
    visit: (client: Client, library: ClientLibrary) => Promise<Result>,
  ): Promise<Result> {
    const [
      clientModule,
      { askedWords, cut, inOrder, listLines, messageLines, requestLines },
      { WebSocket },
    ] = await Promise.all([
      import('../client/index.ts'),
      import('./session-lines.ts'),
      import('ws'),
    ]);
    const lines = { askedWords, cut, inOrder, listLines, messageLines, requestLines };
    const library = { ...clientModule, ...lines };
    const token = this.#secret();
    const socket = this.#socket();
    const client = library.createClient({
      url: this.address(),
      token: () => token,
      timeoutMs: ANSWER_WITHIN_MS,
      deltas: false,
      ...(socket === null
        ? { WebSocket: WebSocket as never }
        : { WebSocket: overSocket(WebSocket, socket) as never, fetch: askerOver(socket) }),
    });
    try {
      return await visit(client, library);
    } catch (error) {
      if (!(error instanceof library.ClientError)) throw error;
      const refused = error.code === 'offline' ? await refusalOf(client) : null;
      if (refused === null) throw new ExitError(exitOf(error.code), error.message);
      throw refusedBy(refused);
    } finally {
      client.close();
    }
  }

  /** One message about a session, and what is printed when it was done. */
  protected async sendAbout(
    session: string,
    message: (session_id: string) => ClientMessage,
    done: string,
  ): Promise<number> {
    const answer = await this.withClient(async (client) => {
      return await client.request(message(await idOf(client, session)));
    });
    this.printLine(this.json ? JSON.stringify(answer) : done);
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

  /** Words of the command line; `-` is what is on stdin. */
  protected async wordsFrom(words: string): Promise<string> {
    return words === '-' ? (await readText(this.context.stdin)).trimEnd() : words;
  }

  /**
   * Where the server is.
   *
   * @throws ExitError 3 when none runs on the data directory and no other is named
   */
  protected address(): string {
    const { ORBITDOCK_URL } = this.context.env;
    const given = this.url ?? ORBITDOCK_URL;
    if (given) return given;
    const note = readServerNote(this.directory().server);
    if (note) {
      const plain = urlOfServer({ host: note.address, port: note.port });
      return note.scheme ? plain.replace(/^http/, note.scheme) : plain;
    }
    const sentence = `No server runs on ${this.directory().dir}; start it, or name one with --url`;
    throw new ExitError(EXIT.notRunning, sentence);
  }

  /** Whether the server may be on another machine, with directories of its own. */
  protected isElsewhere(): boolean {
    return Boolean(this.url ?? this.context.env.ORBITDOCK_URL);
  }

  /**
   * The unix socket of a server of this data directory whose port is encrypted: it is the same server, whatever
   * certificate it has, and nothing on its way could be read. Null where the port is asked.
   */
  #socket(): string | null {
    if (this.isElsewhere()) return null;
    const { server, socket } = this.directory();
    return readServerNote(server)?.scheme === 'https' && existsSync(socket) ? socket : null;
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

/** A class of WebSockets that go to a unix socket, whatever address they are given. */
function overSocket(Class: typeof import('ws').WebSocket, path: string) {
  return class extends Class {
    constructor(_url: string, protocols: string[]) {
      super(`ws+unix://${path}:/ws`, protocols);
    }
  };
}

/** Asks for a status over a unix socket. */
function askerOver(socketPath: string): AskStatus {
  return (href, { headers }) =>
    new Promise((resolve, reject) => {
      const { pathname } = new URL(href);
      const asked = get({ socketPath, path: pathname, headers, agent: false }, (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode ?? 0 });
      });
      asked.once('error', reject);
    });
}

/** All sessions that the server has, in the order of its list. @throws ClientError as `Client.request` */
export async function allSessions(
  client: Client,
  status?: 'active' | 'ended',
): Promise<SessionSummary[]> {
  const sessions: SessionSummary[] = [];
  for (let after: string | null = null; ; ) {
    const page: { sessions: SessionSummary[]; next: string | null } = await client.request({
      ...{ type: 'get_sessions', limit: PAGE },
      ...(after !== null && { after }),
      ...(status && { status }),
    });
    sessions.push(...page.sessions);
    after = page.next;
    if (after === null) return sessions;
  }
}

/**
 * The session that a person means.
 *
 * @param text its id, the beginning of its id, its title, or a part of its title
 * @throws ExitError 65 when it means none, or several, which are named
 */
export async function sessionOf(client: Client, text: string): Promise<SessionSummary> {
  const sessions = await allSessions(client);
  const wanted = text.toLowerCase();
  const titles = (each: SessionSummary) =>
    [each.custom_name, each.summary, each.first_prompt].flatMap(
      (title) => title?.toLowerCase() ?? [],
    );
  const ways: ((each: SessionSummary) => boolean)[] = [
    ({ id }) => id === text,
    ({ id }) => id.startsWith(text),
    (each) => titles(each).includes(wanted),
    (each) => titles(each).some((title) => title.includes(wanted)),
  ];
  for (const isMeant of ways) {
    const found = sessions.filter(isMeant);
    if (found.length === 1) return found[0] as SessionSummary;
    if (found.length === 0) continue;
    const some = found.slice(0, 5).map(({ id }) => id);
    const more = found.length > some.length ? `, and ${found.length - some.length} more` : '';
    const sentence = `${JSON.stringify(text)} means ${found.length} sessions: ${some.join(', ')}${more}`;
    throw new ExitError(EXIT.badInput, `${sentence}. Say more of the id`);
  }
  const sentence = `Session ${text} not found; \`orbitdock-server sessions --all\` lists them`;
  throw new ExitError(EXIT.badInput, sentence);
}

/** The id of the session that a person means. @throws ExitError as `sessionOf` */
export async function idOf(client: Client, text: string): Promise<string> {
  return (await sessionOf(client, text)).id;
}

/** A session with its newest messages, once. @throws ClientError as `Client.request` */
export async function stateOf(
  client: Client,
  session_id: string,
  message_limit: number,
): Promise<SessionState> {
  let state: SessionState | null = null;
  const stop = client.on('frame', (frame) => {
    if (frame.type === 'session_snapshot' && frame.session.id === session_id) state = frame.session;
  });
  await client.request({ type: 'subscribe_session', session_id, message_limit }).finally(stop);
  await client.request({ type: 'unsubscribe_session', session_id });
  if (state !== null) return state;
  throw new ExitError(EXIT.software, `The server sent no snapshot of session ${session_id}`);
}

/** Why there is no connection: the client asks the server once more, and reports it when it tries again otherwise. */
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

/** What a refusal of the server means for the caller of the command. */
function exitOf(code: string): ExitCode {
  if (['offline', 'connection_lost', 'timeout', 'closed'].includes(code)) return EXIT.notRunning;
  if (['server_busy', 'storage_unavailable', 'shutting_down'].includes(code)) return EXIT.busy;
  return code === 'unauthorized' || code === 'forbidden' ? EXIT.noPermission : EXIT.badInput;
}

/** A number of the command line. @throws ExitError 64 */
export function numberFrom(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new ExitError(EXIT.usage, `${option} ${JSON.stringify(text)} is no number`);
}

/** Columns of the terminal that is written to; null where that is none. */
export function widthOf({ context }: OrbitCommand): number | null {
  const { isTTY, columns } = context.stdout as Partial<NodeJS.WriteStream>;
  return isTTY ? (columns ?? 80) : null;
}

/**
 * Settles when the output is not read any more; an interrupted process just ends. A connection that breaks is reported on
 * stderr, and made again.
 *
 * @throws ExitError 77 when the server does not want us any more
 */
export function endOf(command: OrbitCommand, client: Client): Promise<void> {
  const { stdout } = command.context;
  return new Promise((resolve, reject) => {
    stdout.once('close', resolve);
    // A reader that has gone, such as `head`.
    stdout.on('error', () => resolve());
    client.on('link', (link) => {
      if (link.kind === 'offline' && link.attempt <= 1) {
        command.warn('The connection is lost; trying again');
      }
      if (link.kind === 'closed') resolve();
      if (link.kind === 'refused') reject(refusedBy(link.reason));
    });
  });
}

function refusedBy(reason: string): ExitError {
  return new ExitError(EXIT.noPermission, `The server refused the connection: ${reason}`);
}
