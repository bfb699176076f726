/** A long answer of a direct Codex session: what its journal holds, and what a delta costs at its end. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CodexSetup, createSteered, openCodexSetup } from '../support/codex-setup.ts';
import { rowsOf } from '../support/database.ts';

let dock: CodexSetup;

beforeAll(async () => {
  dock = await openCodexSetup();
});
afterAll(() => dock[Symbol.asyncDispose]());

it('keeps one message of 2,000 deltas, not 2,000, and its frames do not grow with it', async () => {
  const client = await dock.client();
  const session = await createSteered(client, { cwd: dock.home.project });
  const other = await dock.client();
  other.send({ type: 'subscribe_session', session_id: session.id, deltas: true });
  await other.waitFor(({ type }) => type === 'session_snapshot');
  await session.say('!slow 2000 1');
  await session.idle();
  const [answer] = await session.messages('assistant');
  const events = rowsOf<{ event: string }>(
    dock.server.paths,
    `SELECT event FROM journal WHERE session_id = '${session.id}'`,
  ).map(({ event }) => JSON.parse(event) as { type: string });
  const about = events.filter(({ type }) => type.startsWith('message.'));
  expect(about.map(({ type }) => type)).toEqual([
    'message.submitted',
    'message.confirmed',
    'message.added',
    'message.changed',
  ]);
  expect(events.length).toBeLessThan(15);

  const pieces = other.messages.flatMap((frame) => (frame.type === 'message_delta' ? [frame] : []));
  const text = pieces.map((piece) => piece.text).join('');
  expect(answer?.content).toContain(text);
  // As many characters in the last tenth as in any other: deltas, not wholes.
  const longest = Math.max(...pieces.map((piece) => piece.text.length));
  expect(longest).toBeLessThan((answer?.content.length ?? 0) / 5);
  const wholes = session
    .received('message_updated')
    .reduce((sum, { changes }) => sum + (changes.content?.length ?? 0), 0);
  expect(wholes).toBeLessThan(34 * (answer?.content.length ?? 0));
});

it('quotes the whole of a streamed reply in list, snapshot and database, also after a restart', async () => {
  const client = await dock.client();
  const session = await createSteered(client, { cwd: dock.home.project });
  await session.say('!slow 40 1');
  await session.idle();
  const [answer] = await session.messages('assistant');
  const quote = answer?.content.slice(0, 100) ?? '';
  expect(quote).toHaveLength(100);
  const stored = () =>
    rowsOf<{ last_message: string }>(
      dock.server.paths,
      `SELECT last_message FROM sessions WHERE id = '${session.id}'`,
    )[0]?.last_message;
  expect(stored()).toContain(quote);
  const listed = async () => {
    const reader = await dock.client();
    reader.send({ type: 'subscribe_list' });
    const list = await reader.waitFor((frame) => frame.type === 'sessions_list');
    return list.type === 'sessions_list' && list.sessions.find(({ id }) => id === session.id);
  };
  expect(await listed()).toMatchObject({ last_message: expect.stringContaining(quote) });
  await dock.server.restart();
  expect(await listed()).toMatchObject({ last_message: expect.stringContaining(quote) });
});
