/**
 * Words of clients for the real `claude` in a terminal: they wait for the end of its turn and reach the model once,
 * whatever becomes of the server meanwhile.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Received } from '../support/clients.ts';
import { type AskedClient, askedClient, noHookIsLeft } from './answering-client.ts';
import { type BuiltServer, startWatchingServer } from './built-server.ts';
import { openScenario, type Scenario } from './scenario.ts';

/** How often the newest request of the main conversation brought these words to the model. */
function timesSent({ api }: Scenario<BuiltServer>, words: string): number {
  const { body } = api.requests.findLast(({ kind }) => kind === 'step') ?? {};
  return JSON.stringify(body?.messages).split(words).length - 1;
}

let sent = 0;

/** Sends words to the session; the id of the message that waits. */
async function write({ client }: AskedClient, session_id: string, content: string) {
  const request_id = `words-${++sent}`;
  client.send({ type: 'send_message', session_id, content, request_id });
  const answer = await client.waitFor((m) => 'request_id' in m && m.request_id === request_id);
  if (answer.type !== 'ack' || answer.id === undefined) throw new Error(JSON.stringify(answer));
  return answer.id;
}

const received = ({ client }: AskedClient, id: string): string[] =>
  client.messages.flatMap((m) => {
    if (m.type === 'message_appended' && m.message.id === id) return m.message.tool_output ?? [];
    return m.type === 'message_updated' && m.message_id === id ? (m.changes.tool_output ?? []) : [];
  });

test('words that are written while it works reach the model at the end of the turn', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  let goOn = () => {};
  const until = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  stage.api.script('say one', [
    { text: 'Answer one.', until },
    { text: 'Plants watered.' },
    { text: 'Not reached.' },
  ]);
  const claude = await stage.openClaude();
  await claude.say('say one');
  const session = await person.session();
  // Refused until a process of the session is known: nothing promises before that they ever arrive.
  const first = await vi.waitFor(() => write(person, session, 'please water the plants'), 10_000);
  const second = await write(person, session, 'and the lawn');
  const third = await write(person, session, 'and the roof');
  person.client.send({ type: 'withdraw_message', session_id: session, message_id: third });
  goOn();
  await claude.waitFor(/Plants watered\./);
  await vi.waitFor(() => expect(received(person, first).at(-1)).toBe('delivered'), 10_000);
  expect(received(person, first)).toEqual(['queued', 'sent', 'delivered']);
  expect(received(person, second)).toEqual(['queued', 'sent', 'delivered']);
  expect(received(person, third)).toEqual(['queued', 'withdrawn: by a client']);
  expect(timesSent(stage, 'please water the plants')).toBe(1);
  expect(timesSent(stage, 'and the lawn')).toBe(1);
  expect(timesSent(stage, 'and the roof')).toBe(0);
  // The turn went on with them: nobody was shown an end between.
  const isRoom = (m: Received) => m.type === 'session_delta' && m.revision !== undefined;
  const ends = () =>
    person.client.messages.filter(
      (m) => isRoom(m) && m.type === 'session_delta' && m.changes.work_status === 'waiting',
    );
  await vi.waitFor(() => expect(ends().length).toBe(1), 10_000);
  await noHookIsLeft(stage.listener);
  expect(readFileSync(join(stage.listener.data, 'queued-words'), 'utf8')).toBe('');
});

test('words for a session at its prompt wait for its next turn, also over a killed server', async () => {
  await using stage = await openScenario(startWatchingServer);
  const { listener } = stage;
  await using person = await askedClient(listener.url);
  stage.api.script('say one', [{ text: 'Answer one.' }]);
  stage.api.script('say two', [{ text: 'Answer two.' }, { text: 'Cat fed.' }]);
  const claude = await stage.openClaude();
  await claude.say('say one');
  const session = await person.session();
  await claude.waitFor(/Answer one\./);
  await person.client.waitFor(
    (m) => m.type === 'session_delta' && m.changes.work_status === 'waiting',
  );
  await write(person, session, 'please feed the cat');
  await listener.kill();
  await listener.up();
  await claude.say('say two');
  await claude.waitFor(/Cat fed\./);
  expect(timesSent(stage, 'please feed the cat')).toBe(1);
  await using again = await askedClient(listener.url);
  const message = await vi.waitFor(async () => {
    const found = await wordsIn(again, session);
    expect(found?.tool_output).toBe('delivered');
    return found;
  }, 10_000);
  expect(message?.message_type).toBe('steer');
  await noHookIsLeft(listener);
});

test('a turn ends as without us where nothing waits or nobody is there; an ended session drops the words', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  for (const n of ['one', 'two']) stage.api.script(`say ${n}`, [{ text: `Answer ${n}.` }]);
  const claude = await stage.openClaude();
  await claude.say('say one');
  const session = await person.session();
  await claude.waitFor(/Answer one\./);
  expect(existsSync(join(stage.listener.data, 'queued-words'))).toBe(false);
  await noHookIsLeft(stage.listener);
  const id = await write(person, session, 'please feed the cat');
  await stage.listener.down();
  await claude.say('say two');
  await claude.waitFor(/Answer two\./);
  await stage.listener.up();
  await using again = await askedClient(stage.listener.url);
  await claude.leave();
  await vi.waitFor(async () => {
    const found = await wordsIn(again, session);
    expect([found?.id, found?.tool_output]).toEqual([id, 'withdrawn: the session ended']);
  }, 10_000);
});

async function wordsIn({ client }: AskedClient, session_id: string) {
  const request_id = `read-${++sent}`;
  client.send({ type: 'get_messages', session_id, request_id });
  const page = await client.waitFor((m) => 'request_id' in m && m.request_id === request_id);
  if (page.type !== 'messages_page') throw new Error(JSON.stringify(page));
  return page.messages.find(({ message_type }) => message_type === 'steer');
}
