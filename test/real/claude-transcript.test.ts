/**
 * The whole conversation of the real `claude`: what clients of the built server are shown is what its transcript
 * holds, each text once.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Message } from '../../src/protocol/nouns.ts';
import { listTranscripts } from '../../src/providers/claude/homes.ts';
import { wsClient } from '../support/clients.ts';
import { countRaw } from '../support/transcripts.ts';
import { startWatchingServer } from './built-server.ts';
import { openScenario, type Scenario } from './scenario.ts';
import { watchDock } from './watch.ts';

type Watched = Scenario<Awaited<ReturnType<typeof startWatchingServer>>>;

const bash = (command: string) => ({
  tools: [{ name: 'Bash', input: { command, description: 'x' } }],
});

/** The only transcript of the stage's home. */
async function transcriptIn({ home }: Watched) {
  const [file] = await listTranscripts([join(home.home, '.claude')], 1);
  if (file === undefined) throw new Error('there is no transcript');
  return { id: file.sessionId, raw: countRaw(readFileSync(file.path, 'utf8')) };
}

/** What a client is shown that comes now. */
async function shownTo({ listener }: Watched, id: string) {
  const client = await wsClient(listener.url);
  try {
    client.send({ type: 'subscribe_session', session_id: id });
    const snapshot = await client.waitFor(
      ({ type }: { type: string }) => type === 'session_snapshot',
    );
    return (snapshot as unknown as { session: { messages: Message[]; token_usage: object } })
      .session;
  } finally {
    await client.close();
  }
}

test('texts between tools, words typed while busy, a refusal and a cut text are shown once', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using watch = await watchDock(stage.listener.url);
  stage.api.script('run two', [
    { text: 'First I wait.', ...bash('touch one; node -e "setTimeout(() => {}, 4000)"') },
    { text: 'Then I look.', tools: [{ name: 'Read', input: { file_path: stage.notes } }] },
    { text: 'Both are done.' },
  ]);
  stage.api.script('cut me', [{ text: 'one two three', until: new Promise(() => {}) }]);
  stage.api.script('refuse this', [{ text: 'I want to touch.', ...bash('touch refused') }]);
  stage.api.script('the end', [{ text: 'Good bye.' }]);
  const opened = watch.next();
  const claude = await stage.openClaude();
  const session = await opened;

  await claude.say('run two');
  await claude.decide('Enter');
  await session.shows('waiting working permission working');
  await claude.say('also this');
  await claude.waitFor(/Both are done\./);
  await claude.say('cut me');
  await claude.waitFor(/one two three/);
  await claude.press('Escape');
  await claude.waitFor(/Interrupted/);
  await claude.say('refuse this');
  await claude.waitFor(/❯ 1\. Yes/);
  await session.shows(
    'waiting working permission working waiting working waiting working permission',
  );
  await claude.decide('Escape');
  await claude.say('the end');
  await claude.waitFor(/Good bye\./);
  await claude.leave();

  const { id, raw } = await transcriptIn(stage);
  const look = async () => {
    const { messages, token_usage } = await shownTo(stage, id);
    const contents = (type: string) =>
      messages.flatMap((one) => (one.message_type === type ? one.content : []));
    const tools = new Map(messages.map((one) => [one.id.slice(id.length + 1), one]));
    return {
      texts: contents('assistant'),
      prompts: contents('user'),
      tools: raw.tools.map((tool) => tools.get(tool)?.message_type),
      results: raw.results.map((tool) => typeof tools.get(tool)?.tool_output),
      tokens: token_usage,
    };
  };
  await expect.poll(look, { timeout: 20_000 }).toEqual({
    texts: raw.texts,
    prompts: ['run two', 'also this', 'cut me', 'refuse this', 'the end'],
    tools: raw.tools.map(() => 'tool'),
    results: raw.results.map(() => 'string'),
    tokens: expect.objectContaining({ output_tokens: raw.outputTokens }),
  });
});
