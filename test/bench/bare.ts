/**
 * The least that sends events to a chart and keeps its result: floor.ts with one machine a session, the hook's
 * translation, and the event's rows (key, messages, journal, session) in the real schema. One thread, no
 * gate, no checks, no repeated hooks, no replay buffer, no list, no snapshots. What the server costs beyond this is
 * what may be saved; what this costs beyond the floor is the price of the statechart and its ledger.
 *
 *     node --import tsx bare.ts DATABASE
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import Database from 'better-sqlite3';
import { type WebSocket, WebSocketServer } from 'ws';
import type { SessionEvent } from '../../machines/session-events.ts';
import type { Fact } from '../../machines/session-facts.ts';
import { type SessionSnapshot, workStatusOf } from '../../machines/session-status.ts';
import { snapshotFrom, takeStep } from '../../machines/step.ts';
import type { Hook } from '../../src/protocol/hook.ts';
import { eventFromHook } from '../../src/providers/claude/hooks/events.ts';
import { sessionFromHooks } from '../../src/providers/claude/provider.ts';
import { createStampClock } from '../../src/runtime/clock.ts';
import { migrate } from '../../src/store/migrate.ts';
import { KEEP_NONE } from '../support/pictures.ts';

interface Session {
  id: string;
  snapshot: SessionSnapshot;
  revision: number;
  events: number;
  messages: number;
  newest: number | bigint | null;
}

interface Waiting {
  session: Session;
  snapshot: SessionSnapshot;
  event: SessionEvent;
  facts: Fact[];
  key: string;
  response: ServerResponse;
}

const [path = ':memory:'] = process.argv.slice(2);
const database = new Database(path);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
migrate(database, path);

const insertSession = database.prepare(
  `INSERT INTO sessions (id, provider, project_path) VALUES (?, 'claude', '/bench')`,
);
const updateSession = database.prepare(
  `UPDATE sessions SET revision = ?, journal_seq = ?, journal_id = ?, last_activity_at = ?,
     work_status = ? WHERE id = ?`,
);
const insertKey = database.prepare('INSERT INTO hook_keys (key, at) VALUES (?, ?)');
const insertEvent = database.prepare(
  `INSERT INTO journal (session_id, seq, at, origin, event, value, accepted, revision, before)
   VALUES (?, ?, ?, 'hook', ?, ?, 1, ?, ?)`,
);
const insertMessage = database.prepare(
  `INSERT INTO messages (id, session_id, type, content, timestamp, sequence, tool_name, tool_input,
     created_revision, changed_revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
);
const updateMessage = database.prepare(
  'UPDATE messages SET tool_output = ?, changed_revision = ? WHERE id = ? AND session_id = ?',
);

const sessions = new Map<string, Session>();
const clock = createStampClock();

function sessionOf(hook: Hook, at: string): Session {
  const known = sessions.get(hook.session_id);
  if (known) return known;
  const input = { session: sessionFromHooks(hook, at, null, null), isNew: true, turnCount: 0 };
  const snapshot = snapshotFrom(input);
  const session = {
    id: hook.session_id,
    snapshot,
    revision: 0,
    events: 0,
    messages: 0,
    newest: null,
  };
  sessions.set(hook.session_id, session);
  insertSession.run(session.id);
  return session;
}

function storeFact(session: Session, fact: Fact): void {
  const { id } = session;
  if (fact.type === 'session_delta') session.revision++;
  if (fact.type === 'message_updated') {
    session.revision++;
    updateMessage.run(fact.changes.tool_output ?? null, session.revision, fact.message_id, id);
  }
  if (fact.type !== 'message_appended') return;
  const revision = ++session.revision;
  const { message_type, content, timestamp, tool_name, tool_input, ...message } = fact.message;
  const sequence = ++session.messages;
  const texts = [message.id, id, message_type, content, timestamp, sequence, tool_name, tool_input];
  insertMessage.run(...texts, revision, revision);
}

const store = database.transaction((batch: readonly Waiting[]) => {
  for (const { session, snapshot, event, facts, key } of batch) {
    insertKey.run(key, event.at);
    for (const fact of facts) storeFact(session, fact);
    const texts = [
      JSON.stringify({ ...event, message: null, update: null }),
      JSON.stringify(snapshot.value),
    ];
    const row = [session.id, ++session.events, event.at, ...texts, session.revision];
    session.newest = insertEvent.run(...row, session.newest).lastInsertRowid;
    const numbers = [session.revision, session.events, session.newest];
    updateSession.run(...numbers, event.at, workStatusOf(snapshot), session.id);
  }
});

const subscribers = new Map<WebSocket, Socket>();
let waiting: Waiting[] = [];

function take(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const hook = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Hook;
    const key = String(request.headers['idempotency-key']);
    const at = clock.stamp();
    const session = sessionOf(hook, at);
    const event = eventFromHook(hook, { at, key, keep: KEEP_NONE });
    const { snapshot, facts } = takeStep(session.snapshot, event);
    session.snapshot = snapshot;
    if (waiting.length === 0) setImmediate(commit);
    waiting.push({ session, snapshot, event, facts, key, response });
  });
}

/** What one tick brought is one commit and one write; sent and acknowledged only afterwards. */
function commit(): void {
  const batch = waiting;
  waiting = [];
  store(batch);
  for (const socket of subscribers.values()) socket.cork();
  for (const { facts, response } of batch) {
    for (const fact of facts) {
      if (fact.type === 'row_noted' || fact.type === 'session_created') continue;
      const frame = JSON.stringify(fact);
      for (const subscriber of subscribers.keys()) subscriber.send(frame);
    }
    response.writeHead(204).end();
  }
  for (const socket of subscribers.values()) socket.uncork();
}

const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = createServer(take);
server.on('upgrade', (request, socket, head) => {
  webSockets.handleUpgrade(request, socket, head, (client) => {
    subscribers.set(client, request.socket);
    client.once('close', () => subscribers.delete(client));
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`127.0.0.1:${(server.address() as AddressInfo).port}`);
});
