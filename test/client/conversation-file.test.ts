/** A conversation as a file: everything is in it, in order, whole, and nothing in it runs. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ConversationFormat, conversationFile } from '../../src/client/index.ts';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { typedClient } from '../support/typed-client.ts';

const LONG = `${'Long line of words. '.repeat(2_000)}The end of it.`;
const NASTY = '</pre><script>alert(1)</script> ```` and "quotes" & more';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const { prompt, toolStarts, toolEnds } = scriptOf('s');
  await deliver(server.url, prompt('First prompt'));
  for (let at = 0; at < 600; at++) await deliver(server.url, prompt(`Prompt number ${at}.`));
  await deliver(server.url, toolStarts('t1'));
  await deliver(server.url, toolEnds('t1'));
  await deliver(server.url, prompt(LONG));
  await deliver(server.url, prompt(NASTY));
});
afterAll(() => server[Symbol.asyncDispose]());

async function fileOf(format: ConversationFormat): Promise<string> {
  await using newcomer = await wsClient(server.url);
  const session = await snapshotOf(newcomer, 's');
  using client = typedClient(server.url);
  await client.online();
  let text = '';
  for await (const part of conversationFile(client, session, format)) text += part;
  return text;
}

it('as JSON lines holds each message once, the oldest first, long ones whole', async () => {
  const [head, ...lines] = (await fileOf('jsonl')).trimEnd().split('\n');
  expect(JSON.parse(head ?? '')).toMatchObject({ type: 'session', session: { id: 's' } });
  const contents = lines.map((line) => JSON.parse(line).message.content as string);
  expect(contents.slice(0, 3)).toEqual(['First prompt', 'Prompt number 0.', 'Prompt number 1.']);
  expect(contents.slice(-2)).toEqual([LONG, NASTY]);
  expect(lines).toHaveLength(604);
});

it('as Markdown fences what tools say longer than any fence in it', async () => {
  const text = await fileOf('md');
  expect(text).toMatch(/^# First prompt\n/);
  expect(text).toContain(`\n## User\n`);
  expect(text).toMatch(/## Tool: \w+\n/);
  expect(text.indexOf('Prompt number 2.')).toBeLessThan(text.indexOf('Prompt number 599.'));
  expect(text).toContain('The end of it.');
});

it('as HTML shows signs as signs, and neither runs nor loads anything', async () => {
  const text = await fileOf('html');
  expect(text).not.toContain('<script');
  expect(text).toContain('&#60;script&#62;alert(1)');
  expect(text).toContain("default-src 'none'");
  expect(text).toContain('The end of it.');
});
