/**
 * What beside the words of the main thread belongs to a session of the real `claude`: subagents, a compaction, a
 * command of the shell, tokens and cost; and what its telemetry reports.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Message, SubagentInfo, TokenUsage } from '../../src/protocol/nouns.ts';
import { listTranscripts } from '../../src/providers/claude/homes.ts';
import { wsClient } from '../support/clients.ts';
import { countRaw } from '../support/transcripts.ts';
import { startWatchingServer } from './built-server.ts';
import { openScenario, type Scenario } from './scenario.ts';
import { watchDock } from './watch.ts';

type Watched = Scenario<Awaited<ReturnType<typeof startWatchingServer>>>;

interface Shown {
  messages: Message[];
  token_usage: TokenUsage;
  subagents?: SubagentInfo[];
}

/** What a client receives that asks now. */
async function ask({ listener }: Watched, question: object, type: string): Promise<unknown> {
  const client = await wsClient(listener.url);
  try {
    client.send(question as never);
    return await client.waitFor((frame) => frame.type === type);
  } finally {
    await client.close();
  }
}

async function shown(stage: Watched, session_id: string): Promise<Shown> {
  const question = { type: 'subscribe_session', session_id };
  const snapshot = await ask(stage, question, 'session_snapshot');
  return (snapshot as { session: Shown }).session;
}

const bash = (command: string) => ({
  tools: [{ name: 'Bash', input: { command, description: 'x' } }],
});

test('a subagent is a branch, a compaction a line, and the cost is what the CLI says', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using watch = await watchDock(stage.listener.url);
  const input = {
    description: 'Look',
    prompt: 'inspect the shelf',
    subagent_type: 'general-purpose',
  };
  stage.api.script('delegate', [
    { text: 'I send somebody.', tools: [{ name: 'Agent', input }] },
    { text: 'It is seen to.' },
    { text: 'The shelf is fine.' },
  ]);
  stage.api.script('inspect the shelf', [
    { text: 'I look at it.', tools: [{ name: 'Read', input: { file_path: stage.notes } }] },
    { text: 'All in order.' },
  ]);
  stage.api.script('say two', [{ text: 'Two.' }]);
  stage.api.script('say three', [{ text: 'Three.' }]);
  const opened = watch.next();
  const claude = await stage.openClaude();
  const { id } = await opened;
  await claude.say('delegate');
  await claude.waitFor(/It is seen to\.|The shelf is fine\./);
  await claude.say('say two');
  await claude.waitFor(/Two\./);

  const branch = async () => {
    const { subagents = [] } = await shown(stage, id);
    const subagent_id = subagents[0]?.id ?? 'none';
    const question = { type: 'get_messages', session_id: id, subagent_id };
    const page = (await ask(stage, question, 'messages_page')) as Shown;
    return page.messages.map(({ message_type, content }) => [message_type, content]);
  };
  await expect.poll(branch, { timeout: 20_000 }).toEqual([
    ['user', expect.stringContaining('inspect the shelf')],
    ['assistant', 'I look at it.'],
    ['tool', stage.notes],
    ['assistant', 'All in order.'],
  ]);

  await claude.type('!echo from-the-shell');
  await claude.waitFor(/echo from-the-shell/);
  await claude.press('Enter');
  await claude.waitFor(/from-the-shell\n[\s\S]*from-the-shell/);
  await claude.say('say three');
  await claude.waitFor(/Three\./);
  const before = (await shown(stage, id)).token_usage;
  expect(before.context_tokens).toBeGreaterThan(0);
  await claude.say('/compact');
  await claude.waitFor(/[Cc]ompacted/);
  const compactions = async () =>
    (await shown(stage, id)).messages
      .filter(({ tool_name }) => tool_name === 'Compact')
      .map(({ content, is_in_progress }) => [content, is_in_progress]);
  await expect
    .poll(compactions, { timeout: 20_000 })
    .toEqual([['Conversation compacted (manual)', undefined]]);
  await claude.leave();
  const { messages, token_usage } = await shown(stage, id);
  const texts = messages.filter(({ message_type: type }) => type === 'assistant');
  const contents = texts.map(({ content }) => content);
  // Each once, also what the CLI asked for unasked, such as the report of an agent.
  const [file] = await listTranscripts([join(stage.home.home, '.claude')], 1);
  expect(contents).toEqual(countRaw(readFileSync(file?.path ?? '', 'utf8')).texts);
  expect(contents).not.toContain('I look at it.');
  const shell = messages.filter(({ message_type: type }) => type === 'shell');
  expect(shell.map(({ content }) => content)).toEqual(['echo from-the-shell']);
  expect(shell[0]?.tool_output).toContain('from-the-shell');
  // The fake API counts 100 for each answer; what a compaction leaves the CLI counts itself.
  expect(token_usage.context_tokens).not.toBe(before.context_tokens);
  expect(token_usage.total_input_tokens).toBe(texts.length * 100);
});

test('telemetry reports who allowed a command and what it costs', async () => {
  await using stage = await openScenario(startWatchingServer);
  const { listener, home } = stage;
  const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  const settings = join(home.home, '.claude', 'settings.json');
  const words = ['--data-dir', listener.data, 'install-hooks', '--settings-path', settings];
  const env = { HOME: home.home, PATH: process.env.PATH ?? '' };
  await promisify(execFile)(process.execPath, [program, ...words, '--telemetry'], { env });
  await using watch = await watchDock(listener.url);
  stage.api.script('allow this', [bash('sleep 3; touch allowed'), { text: 'It ran.' }]);
  const opened = watch.next();
  const claude = await stage.openClaude();
  const session = await opened;
  await claude.say('allow this');
  await claude.waitFor(/❯ 1\. Yes/);
  await session.shows('waiting working permission');
  await claude.decide('Enter');
  await session.shows('waiting working permission working');
  await claude.waitFor(/It ran\./);
  await claude.leave();
  const history = async () => {
    const question = { type: 'list_approvals', session_id: session.id };
    const { approvals } = (await ask(stage, question, 'approvals_list')) as {
      approvals: { decision: string }[];
    };
    return approvals.map(({ decision }) => decision);
  };
  await expect.poll(history, { timeout: 20_000 }).toEqual(['approved']);
  const cost = async () => (await shown(stage, session.id)).token_usage.cost_usd;
  await expect.poll(cost, { timeout: 20_000 }).toBeGreaterThan(0);
});
