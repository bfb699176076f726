/** The traps of the desktop app that need a session it steers: the real Codex, a fake model. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestClient } from '../support/clients.ts';
import { MODELS } from '../support/codex-home.ts';
import { type CodexSetup, createSteered, openCodexSetup } from '../support/codex-setup.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { PNG } from '../support/pictures.ts';

let dock: CodexSetup;
let client: TestClient;

beforeAll(async () => {
  dock = await openCodexSetup();
  client = await dock.client();
}, 30_000);
afterAll(() => dock[Symbol.asyncDispose](), 30_000);

const steered = () => createSteered(client, { cwd: dock.home.project, model: MODELS.direct });
const app = () => dock.server.desktop.app;

it('14: a session that it steers says direct', async () => {
  const { id } = await steered();
  await dock.server.desktop.rest();
  expect(app().sessions.get(id)).toMatchObject({ codex_integration_mode: 'direct' });
});

it('15: a plan shows while it is made', async () => {
  const session = await steered();
  await session.say('!plan look;write', '!say Planned.');
  await session.idle();
  expect(await dock.server.desktop.disagreements()).toEqual([]);
  expect(JSON.parse(app().conversation(session.id).plan ?? 'null')).toEqual([
    expect.objectContaining({ step: 'look' }),
    expect.objectContaining({ step: 'write' }),
  ]);
});

it('16: the history asked for right behind its own decision has it', async () => {
  const { desktop } = dock.server;
  const session = await steered();
  await session.say('!esc echo out', '!say Done.');
  await session.request();
  await desktop.rest();
  desktop.decide(session.id, 'approved');
  await desktop.rest();
  expect(app().approvals.get(session.id)).toMatchObject([{ decision: 'approved' }]);
  await session.idle();
  expect(await desktop.disagreements()).toEqual([]);
});

it('16: a question is answered, and shown as answered, the same way', async () => {
  const { desktop } = dock.server;
  const session = await steered();
  await session.say('!ask Which?', '!say Done.');
  await session.request();
  await desktop.rest();
  expect(app().sessions.get(session.id)).toMatchObject({
    work_status: 'question',
    attention: 'awaitingQuestion',
  });
  desktop.answer(session.id, 'This one');
  await desktop.rest();
  expect(app().approvals.get(session.id)).toMatchObject([{ decision: 'answered' }]);
  await session.idle();
  expect(await desktop.disagreements()).toEqual([]);
});

it('17: the spinner of a fork ends: by the fork, or by an error that names the source', async () => {
  const { desktop } = dock.server;
  const session = await steered();
  await session.say('!say One.');
  await session.idle();
  const texts = () => desktop.texts.filter((text) => text.startsWith('{"type":"session_forked"'));
  desktop.send({ type: 'fork_session', source_session_id: session.id });
  await expect.poll(() => texts().length, { timeout: 15_000 }).toBe(1);
  const { source_session_id, new_session_id } = JSON.parse(texts()[0] ?? '{}');
  expect(source_session_id).toBe(session.id);
  await desktop.rest();
  expect(app().conversations.has(new_session_id)).toBe(true);

  await deliver(dock.server.url, scriptOf('watched').prompt('Go'));
  for (const source of ['watched', 'nobody-has-it']) {
    desktop.send({ type: 'fork_session', source_session_id: source });
    await desktop.rest();
    const { code, session_id } = app().errors.at(-1) ?? {};
    expect(['not_found', 'fork_failed']).toContain(code);
    expect(session_id).toBe(source);
  }
});

it('19: what it can take back it takes back without a promise of commands, and the app forgets it', async () => {
  const { desktop } = dock.server;
  const session = await steered();
  await session.say('!say One.');
  await session.idle();
  await desktop.rest();
  // Undo and compact of Codex need no promise; only Claude's depend on `slash_commands`.
  expect(desktop.texts.filter((text) => text.includes('claude_capabilities'))).toEqual([]);
  desktop.send({ type: 'undo_last_turn', session_id: session.id });
  const undone = () => desktop.texts.filter((text) => /^{"type":"undo_completed"/.test(text));
  await expect.poll(() => undone().length, { timeout: 15_000 }).toBe(1);
  expect(await desktop.disagreements()).toEqual([]);
  expect(app().conversation(session.id).messages.size).toBe(0);
});

it('21: an image is a file on this machine and an address elsewhere, in snapshots too', async () => {
  const { desktop } = dock.server;
  const session = await steered();
  // Long enough to be left out of a snapshot of the reference; what follows a picture's end is not looked at.
  const bytes = Buffer.concat([PNG, Buffer.alloc(1000)]);
  const value = `data:image/png;base64,${bytes.toString('base64')}`;
  await session.ask('send_message', {
    content: '!say Seen.',
    images: [{ input_type: 'url', value }],
  });
  await session.idle();
  await desktop.rest();
  const [image] = imagesOf([...app().conversation(session.id).messages.values()]);
  expect(image?.input_type).toBe('path');
  expect(existsSync(image?.value ?? '')).toBe(true);
  const [later] = imagesOf(await session.messages());
  expect(later).toEqual(image);
  const address = (later as { url?: string }).url ?? '';
  const answer = await fetch(`${dock.server.url}${address}`);
  expect(answer.headers.get('content-type')).toBe('image/png');
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
});

function imagesOf(messages: readonly { images?: { input_type: string; value: string }[] }[]) {
  return messages.flatMap(({ images }) => images ?? []);
}
