/**
 * The floor of a hook's way: the least that can be done for the same promise. `node:http`, the body
 * parsed, one row per hook in a group commit that survives a power cut, one frame to whoever listens at
 * `/ws`, then 204. No chart, no gate, no journal, no revision.
 *
 *     node --import tsx floor.ts DATABASE SOCKET
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import Database from 'better-sqlite3';
import { type WebSocket, WebSocketServer } from 'ws';

interface Waiting {
  hook: Record<string, unknown>;
  body: string;
  response: ServerResponse;
}

const [path = ':memory:', socketPath] = process.argv.slice(2);
const database = new Database(path);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('CREATE TABLE hooks (id INTEGER PRIMARY KEY, session_id TEXT, body TEXT)');
const insert = database.prepare('INSERT INTO hooks (session_id, body) VALUES (?, ?)');
const store = database.transaction((hooks: readonly Waiting[]) => {
  for (const { hook, body } of hooks) insert.run(hook.session_id, body);
});

const subscribers = new Set<WebSocket>();
/** Of the subscribers: what one tick has for them leaves in one write. */
const sockets = new Set<Socket>();
let waiting: Waiting[] = [];

function take(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    const hook = JSON.parse(body) as Record<string, unknown>;
    if (waiting.length === 0) setImmediate(commit);
    waiting.push({ hook, body, response });
  });
}

/** What one tick brought is one commit; sent and acknowledged only afterwards. */
function commit(): void {
  const hooks = waiting;
  waiting = [];
  store(hooks);
  for (const socket of sockets) socket.cork();
  for (const { hook, response } of hooks) {
    const message = { ...hook, id: `${hook.session_id}:${hook.tool_use_id}` };
    const frame = JSON.stringify({ type: 'message_appended', message });
    for (const subscriber of subscribers) subscriber.send(frame);
    response.writeHead(204).end();
  }
  for (const socket of sockets) socket.uncork();
}

const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = createServer(take);
server.on('upgrade', (request, socket, head) => {
  webSockets.handleUpgrade(request, socket, head, (client) => {
    subscribers.add(client);
    sockets.add(socket as Socket);
    client.once('close', () => {
      subscribers.delete(client);
      sockets.delete(socket as Socket);
    });
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`127.0.0.1:${(server.address() as AddressInfo).port}`);
});
if (socketPath !== undefined) createServer(take).listen(socketPath);
