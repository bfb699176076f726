/** What a person typed in a terminal is kept as it was typed; what the CLI wrote itself is not. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let sessions = 0;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** What a session shows of prompts, `Hi` before them. */
async function shown(...prompts: string[]) {
  const script = scriptOf(`words-${++sessions}`);
  for (const prompt of ['Hi', ...prompts]) await deliver(server.url, script.prompt(prompt));
  return snapshot(`words-${sessions}`);
}

async function snapshot(id: string) {
  await using client = await wsClient(server.url);
  const session = await snapshotOf(client, id);
  return { ...session, words: session.messages.map(({ content }) => content).slice(1) };
}

it.each([
  '<system-reminder> is a tag that I see in my transcripts. Why?',
  '<command-name>/cost</command-name> stands in the file; who writes it?',
  '<command-name',
  '<system-reminder>never closed',
  '<system-reminder>x</system-reminder> what is this?',
  'Is <bash-input>ls</bash-input> one of yours?',
  '<div>hello</div>',
  '<task-notification>a</task-notification>\nand <b>mine</b>',
])('keeps %j, which a person typed', async (prompt) => {
  expect((await shown(prompt)).words).toEqual([prompt]);
});

it.each([
  '<system-reminder>Today is Monday.</system-reminder>',
  '<command-name>/cost</command-name>\n<command-message>cost</command-message>\n<command-args></command-args>',
  '<task-notification id="1">done</task-notification>',
  '<local-command-stdout>1</local-command-stdout>',
])('hides %j, which the CLI wrote', async (prompt) => {
  expect((await shown(prompt)).words).toEqual([]);
});

it.each([
  ['<bash-input>ls -la</bash-input>', '! ls -la'],
  [' <bash-input> git log\n--oneline </bash-input>\n', '! git log\n--oneline'],
  ['<bash-input>echo "</bash-input>"</bash-input>', '! echo "</bash-input>"'],
])('shows the command of %j as it was typed', async (prompt, typed) => {
  expect((await shown(prompt)).words).toEqual([typed]);
});

it('keeps what is typed while the agent is busy, in its order', async () => {
  const script = scriptOf('busy');
  const said = [script.prompt('One', 'p1'), script.toolStarts('t1'), script.prompt('Two', 'p2')];
  for (const hook of said) await deliver(server.url, hook);
  expect(
    (await snapshot('busy')).messages.filter((one) => one.message_type === 'user'),
  ).toMatchObject([{ content: 'One' }, { content: 'Two' }]);
  expect(await snapshot('busy')).toMatchObject({ work_status: 'working' });
});

it('takes the name that `/rename` or `-n` gave, the newest one, and keeps it', async () => {
  const { start, prompt, stop } = scriptOf('named');
  await deliver(server.url, start('startup', { session_title: 'Billing' }));
  await deliver(server.url, prompt('Hi'));
  expect(await snapshot('named')).toMatchObject({ summary: 'Billing' });
  await deliver(server.url, { ...prompt('Go on'), session_title: 'Invoices' });
  await deliver(server.url, stop());
  expect(await snapshot('named')).toMatchObject({ summary: 'Invoices' });
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  const list = await client.waitFor((frame) => frame.type === 'sessions_list');
  expect(list).toMatchObject({
    sessions: expect.arrayContaining([
      expect.objectContaining({ id: 'named', summary: 'Invoices' }),
    ]),
  });
});
