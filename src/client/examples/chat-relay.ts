/**
 * Writes to a chat when a session needs a person, once for each request. Run it with the address of an incoming webhook
 * that takes `{"text": "…"}`, which is a secret and so no argument:
 * `CHAT_WEBHOOK_URL=… npx tsx src/client/examples/chat-relay.ts http://127.0.0.1:4000`.
 */
import { createClient, type SessionSummary, titleOf } from '../index.ts';

const server = process.argv[2] ?? 'http://127.0.0.1:4000';
const webhook = process.env.CHAT_WEBHOOK_URL;
if (!webhook) throw new Error('Say where to post: CHAT_WEBHOOK_URL is not set');

const client = createClient({ url: server, token: process.env.ORBITDOCK_AUTH_TOKEN ?? null });
const waiting = new Set<string>();

client.on('list', (sessions) => {
  for (const session of sessions.values()) {
    const { id, has_pending_approval } = session;
    if (!has_pending_approval) waiting.delete(id);
    else if (!waiting.has(id)) {
      waiting.add(id);
      void post(webhook, session).catch((error: Error) => console.error(error.message));
    }
  }
});
client.watchList();

async function post(address: string, session: SessionSummary): Promise<void> {
  const what = session.work_status === 'question' ? 'asks you something' : 'wants your approval';
  const link = `${server}/visualizer/s/${encodeURIComponent(session.id)}`;
  const response = await fetch(address, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text: `"${titleOf(session)}" ${what}: ${link}` }),
  });
  if (!response.ok) throw new Error(`The chat answered ${response.status}; the message is lost`);
}
