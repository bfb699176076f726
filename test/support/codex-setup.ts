/**
 * A whole dock for flows with the real Codex: fake API, scratch home, server, and a client that steers. Two
 * models: one with direct tools and one that uses code mode.
 */
import type { DataPaths } from '../../src/config.ts';
import type { Message, SessionState } from '../../src/protocol/nouns.ts';
import { ask } from './asking.ts';
import { type Received, type TestClient, wsClient } from './clients.ts';
import { type CodexHome, type CodexHomeOptions, createCodexHome } from './codex-home.ts';
import { foldJournal, rowsOf } from './database.ts';
import { startWatchedServer, type WatchedServer } from './desktop/watched-server.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from './fake-responses-api.ts';

/** A running dock; disposing of it stops everything and removes all files. */
export interface CodexSetup extends AsyncDisposable {
  readonly api: FakeResponsesApi;
  readonly home: CodexHome;
  readonly server: WatchedServer;
  /** A new client at `/ws`. */
  client(): Promise<TestClient>;
}

/**
 * Starts a dock.
 *
 * @param options  of the home, and `paths`: a data directory of the test's own, which stays
 * @param before  runs in the home before the server does
 */
export async function openCodexSetup(
  { paths, ...options }: CodexHomeOptions & { readonly paths?: DataPaths } = {},
  before: (home: CodexHome) => Promise<unknown> = async () => {},
): Promise<CodexSetup> {
  const api = await startFakeResponsesApi();
  const home = await createCodexHome(api, options);
  await before(home);
  const server = await startWatchedServer({ env: home.env, ...(paths && { paths }) });
  const clients: TestClient[] = [];
  return {
    api,
    home,
    server,
    async client() {
      const client = await wsClient(server.url);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      const wrong = wrongJournals(server);
      await server[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
      await api.close();
      if (wrong.length > 0) throw new Error(`Journals:\n${wrong.slice(0, 20).join('\n')}`);
    },
  };
}

/** Where a journal does not lead through the chart to the states that were stored. */
function wrongJournals({ paths }: WatchedServer): string[] {
  const sessions = rowsOf<{ id: string }>(paths, 'SELECT id FROM sessions WHERE journal_seq > 0');
  return sessions.flatMap(({ id }) => foldJournal(paths, id));
}

/** A steered session as one client sees it. */
export interface SteeredSession {
  readonly id: string;
  readonly client: TestClient;
  /** Sends a script, a directive a line, or plain words; settles when it is acknowledged. */
  say(...lines: string[]): Promise<void>;
  /** Sends a message about the session and resolves with its answer. */
  ask(type: string, fields?: object): ReturnType<typeof ask>;
  /** Decides or answers: `request_id` is the request's there, and the answer comes back under it. */
  settle(
    request_id: string,
    how: { decision: string; [field: string]: unknown } | { answer: string; answers?: object },
  ): Promise<Received>;
  /** Everything learned of the session since `from`, in order. */
  received<Type extends Received['type']>(
    type: Type,
    from?: number,
  ): Extract<Received, { type: Type }>[];
  /** Settles when the session waits for its user again after what was said. */
  idle(): Promise<void>;
  /** Settles when it shows this status, now or later. */
  status(word: string): Promise<void>;
  /** A fresh snapshot, as a new client gets it. */
  snapshot(): Promise<SessionState>;
  /** The messages of a fresh snapshot, by type if one is given. */
  messages(type?: Message['message_type']): Promise<Message[]>;
  /** The next request that waits for an answer, or the one that fits. */
  request(): Promise<Extract<Received, { type: 'approval_requested' }>['request']>;
}

/** Creates a session and subscribes to it, as the app does. */
export async function createSteered(
  client: TestClient,
  fields: { cwd: string; [field: string]: unknown },
): Promise<SteeredSession> {
  const answer = await ask(client, { type: 'create_session', provider: 'codex', ...fields });
  if (answer.type !== 'session_snapshot') throw new Error(JSON.stringify(answer));
  return steered(client, answer.session.id);
}

/** The session of that id through this client, which is subscribed to it. */
export function steered(client: TestClient, id: string): SteeredSession {
  let mark = 0;
  const answered = new Set<string>();
  const about = (frame: Received) => 'session_id' in frame && frame.session_id === id;
  const session: SteeredSession = {
    id,
    client,
    async say(...lines) {
      mark = client.messages.length;
      const answer = await session.ask('send_message', { content: lines.join('\n') });
      if (answer.type !== 'ack') throw new Error(JSON.stringify(answer));
    },
    ask: (type, fields = {}) => ask(client, { type, session_id: id, ...fields }),
    settle(request_id, how) {
      const from = client.messages.length;
      const type = 'decision' in how ? 'approve_tool' : 'answer_question';
      client.send({ type, session_id: id, request_id, ...how });
      return client.waitFor(
        (frame: Received & { request_id?: string }) =>
          (frame.type === 'ack' || frame.type === 'error') &&
          frame.request_id === request_id &&
          client.messages.indexOf(frame) >= from,
      );
    },
    received: (type, from = 0) =>
      client.messages.slice(from).filter((frame) => frame.type === type && about(frame)) as never,
    async idle() {
      await client.waitFor(
        () => lastStatus(client, id, mark) === 'waiting' && hasWorked(client, id, mark),
      );
    },
    async status(word) {
      await client.waitFor(() => lastStatus(client, id, 0) === word);
    },
    async snapshot() {
      const newcomer = client.messages.length;
      client.send({ type: 'subscribe_session', session_id: id });
      const frame = await client.waitFor(
        (frame): frame is Extract<Received, { type: 'session_snapshot' }> =>
          frame.type === 'session_snapshot' &&
          frame.session.id === id &&
          client.messages.indexOf(frame) >= newcomer,
      );
      return frame.session;
    },
    async messages(type) {
      const { messages } = await session.snapshot();
      return type ? messages.filter((message) => message.message_type === type) : messages;
    },
    async request() {
      const frame = await client.waitFor(
        (frame): frame is Extract<Received, { type: 'approval_requested' }> =>
          frame.type === 'approval_requested' && about(frame) && !answered.has(frame.request.id),
      );
      answered.add(frame.request.id);
      return frame.request;
    },
  };
  return session;
}

function lastStatus(client: TestClient, id: string, from: number): string | undefined {
  let status: string | undefined;
  for (const frame of client.messages.slice(from)) {
    if (frame.type === 'session_delta' && frame.session_id === id) {
      status = frame.changes.work_status ?? status;
    } else if (frame.type === 'session_snapshot' && frame.session.id === id) {
      status = frame.session.work_status;
    }
  }
  return status;
}

function hasWorked(client: TestClient, id: string, from: number): boolean {
  return client.messages
    .slice(from)
    .some(
      (frame) =>
        frame.type === 'session_delta' &&
        frame.session_id === id &&
        frame.changes.work_status === 'working',
    );
}
