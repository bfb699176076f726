/**
 * One conversation of the real `claude` in a terminal that holds all that a conversation can hold. What clients of
 * the built server are shown of it is what its transcript holds, each thing once: live, after a kill of the server,
 * and when the whole file is read again.
 *
 * Run by .ci/long, not by `npm test`: it installs the CLI and builds the server.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Message, SubagentInfo, TokenUsage } from '../../src/protocol/nouns.ts';
import { listTranscripts } from '../../src/providers/claude/homes.ts';
import { wsClient } from '../support/clients.ts';
import { type LiveTranscript, readLive } from '../support/live-transcript.ts';
import { PNG } from '../support/pictures.ts';
import { type AskedClient, askedClient, noHookIsLeft } from './answering-client.ts';
import { type BuiltServer, startWatchingServer } from './built-server.ts';
import { openScenario, type Scenario } from './scenario.ts';

type Claude = Awaited<ReturnType<Scenario<BuiltServer>['openClaude']>>;

/** One part of the conversation: what the person does, until it is over. */
type Part = (of: {
  stage: Scenario<BuiltServer>;
  claude: Claude;
  person: AskedClient;
}) => Promise<void>;

const bash = (...commands: string[]) => ({
  tools: commands.map((command) => ({ name: 'Bash', input: { command, description: 'x' } })),
});
const SOON = { timeout: 30_000, interval: 200 };

const picture: Part = async ({ stage, claude }) => {
  stage.api.script('what is this', [{ text: 'It is a dot.' }]);
  const file = join(stage.home.project, 'dot.png');
  writeFileSync(file, PNG);
  // A file that is dropped onto a terminal is pasted as its path.
  await claude.type(`\u001b[200~${file}\u001b[201~`);
  await claude.waitFor(/\[Image #1\]/);
  await claude.type(' what is this');
  await claude.waitFor(/what is this/);
  await claude.press('Enter');
  await claude.waitFor(/It is a dot\./);
};

const always: Part = async ({ stage, claude, person }) => {
  stage.api.script('make two', [
    { text: 'I make the first.', ...bash('touch one', 'touch two') },
    { text: 'Both are made.' },
  ]);
  await claude.say('make two');
  const request = await person.asked();
  await claude.waitFor(/❯ 1\. Yes/);
  expect(await person.decide(request, { decision: 'approved_always' })).toBeNull();
  // The second command is not asked about.
  await claude.waitFor(/Both are made\./);
  const made = ['one', 'two'].map((name) => existsSync(join(stage.home.project, name)));
  expect(made).toEqual([true, true]);
  expect(await person.settled(request)).toMatchObject({ decision: 'approved_always' });
};

const refusal: Part = async ({ stage, claude, person }) => {
  stage.api.script('not this', [
    { text: 'I would run node.', ...bash('node -e 1') },
    { text: 'Then I leave it.' },
  ]);
  await claude.say('not this');
  const request = await person.asked();
  const decision = { decision: 'denied', message: 'node is not needed' };
  expect(await person.decide(request, decision)).toBeNull();
  await claude.waitFor(/Then I leave it\./);
  expect(await person.settled(request)).toMatchObject({ decision: 'denied' });
};

const busy: Part = async ({ stage, claude, person }) => {
  stage.api.script('work long', [
    { text: 'It takes a while.', ...bash('node -e "setTimeout(() => {}, 4000)"') },
    { text: 'I look too.', tools: [{ name: 'Read', input: { file_path: stage.notes } }] },
    { text: 'All is done.' },
  ]);
  await claude.say('work long');
  const request = await person.asked();
  expect(await person.decide(request, { decision: 'approved' })).toBeNull();
  await person.settled(request);
  await claude.say('and say it twice');
  await claude.waitFor(/All is done\./);
};

const shell: Part = async ({ stage, claude }) => {
  stage.api.script('from-the-shell', [{ text: 'I saw the shell.' }]);
  await claude.type('!echo from-the-shell');
  await claude.waitFor(/echo from-the-shell/);
  await claude.press('Enter');
  await claude.waitFor(/from-the-shell\n[\s\S]*from-the-shell/);
};

const subagent: Part = async ({ stage, claude }) => {
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
  await claude.say('delegate');
  await claude.waitFor(/It is seen to\./);
};

const plan: Part = async ({ stage, claude, person }) => {
  stage.api.script('plan a shed', [
    { text: 'I plan.', tools: [{ name: 'ExitPlanMode', input: { plan: 'Build a shed' } }] },
    { text: 'Begun with the shed.' },
  ]);
  await claude.enterPlanMode();
  await claude.say('plan a shed');
  const request = await person.asked();
  expect(request).toMatchObject({ type: 'question', tool_name: 'ExitPlanMode' });
  expect(await person.decide(request, { decision: 'approved' })).toBeNull();
  await claude.waitFor(/Begun with the shed\./);
};

const rewind: Part = async ({ stage, claude }) => {
  stage.api.script('a wrong way', [{ text: 'This leads nowhere.' }]);
  stage.api.script('a better way', [{ text: 'This leads home.' }]);
  await claude.say('a wrong way');
  await claude.waitFor(/This leads nowhere\./);
  // A key that comes while the turn is still ending is not the first of two.
  await vi.waitFor(async () => {
    await claude.press('Escape');
    await claude.press('Escape');
    await claude.waitFor(/❯ \(current\)/, 3000);
  }, SOON);
  await claude.press('Up');
  await claude.waitFor(/❯ a wrong way/);
  await claude.press('Enter');
  await claude.waitFor(/❯ 1\. Restore/);
  await claude.press('Enter');
  await claude.waitFor((screen) => !screen.includes('Restore conversation'));
  await claude.press('C-u');
  await claude.say('a better way');
  await claude.waitFor(/This leads home\./);
};

const compaction: Part = async ({ stage, claude }) => {
  await claude.say('/compact');
  await claude.waitFor(/[Cc]ompacted/);
  stage.api.script('the end', [{ text: 'Good bye.' }]);
  await claude.say('the end');
  await claude.waitFor(/Good bye\./);
};

interface Shown {
  messages: Message[];
  token_usage: TokenUsage;
  subagents?: SubagentInfo[];
}

async function ask(stage: Scenario<BuiltServer>, question: object, type: string): Promise<unknown> {
  const client = await wsClient(stage.listener.url);
  try {
    client.send(question as never);
    return await client.waitFor((frame) => frame.type === type);
  } finally {
    await client.close();
  }
}

const overSocket = async (stage: Scenario<BuiltServer>, session_id: string) => {
  const question = { type: 'subscribe_session', session_id };
  return ((await ask(stage, question, 'session_snapshot')) as { session: Shown }).session;
};

const overHttp = async ({ listener }: Scenario<BuiltServer>, id: string) => {
  const answer = await fetch(`${listener.url}/api/sessions/${id}/snapshot`);
  return ((await answer.json()) as { session: Shown }).session;
};

/** What is shown, in the terms of the transcript. */
function termsOf({ messages, token_usage: tokens }: Shown, id: string) {
  // What a subagent did with its tools is shown at its place, too, and marked as the subagent's.
  const own = messages.filter(({ agent_id: agent }) => !agent);
  const of = (...types: string[]) => own.filter(({ message_type: type }) => types.includes(type));
  const tools = of('tool').filter(({ tool_name: name }) => name !== 'Compact');
  return {
    words: of('user', 'assistant').map(({ message_type: by, content }) => [by, content]),
    images: messages.flatMap(({ message_type: by, images }) =>
      by === 'user' ? (images ?? []) : [],
    ).length,
    tools: tools.map((one) => [
      one.id.slice(id.length + 1),
      one.tool_name,
      resultOf(one.tool_name, one.tool_output),
      one.is_error,
    ]),
    shell: of('shell').map(({ content, tool_output: output }) => [content, output?.trim()]),
    compactions: of('tool').length - tools.length,
    doubled: messages.length - new Set(messages.map((one) => one.id)).size,
    tokens: {
      input: tokens.total_input_tokens,
      output: tokens.output_tokens,
      cacheRead: tokens.cache_read_tokens,
      cacheWrite: tokens.cache_write_tokens,
    },
  };
}

/** What came of a tool, where the model is given what the tool printed; of the others whether something came. */
function resultOf(tool: string | null, result: string | null) {
  if (result === null || (tool !== 'Bash' && tool !== 'Read')) return result !== null;
  // The model reads a file with numbered lines, and of a silent command that it was silent.
  return result
    .replaceAll(/^ *\d+\t/gm, '')
    .replace(/^\(Bash completed with no output\)$/, '')
    .trim();
}

/** The same of the transcript. */
function wantedOf(raw: LiveTranscript): ReturnType<typeof termsOf> {
  return {
    words: raw.words,
    images: raw.images.length,
    tools: [...raw.tools].map(([tool, { name, result, isError }]) => [
      ...[tool, name, resultOf(name, result), isError],
    ]),
    shell: raw.shell.map(([command, output]) => [command, output.trim()]),
    compactions: raw.compactions,
    doubled: 0,
    tokens: raw.tokens,
  };
}

/** Does the parts one after the other, leaves, and compares what is shown with the transcript in every way. */
async function converse(parts: readonly Part[]): Promise<{ raw: LiveTranscript; shown: Shown }> {
  await using stage = await openScenario(startWatchingServer);
  await using person = await askedClient(stage.listener.url);
  const claude = await stage.openClaude();
  for (const part of parts) await part({ stage, claude, person });
  await claude.leave();
  await noHookIsLeft(stage.listener);

  const [file] = await listTranscripts([join(stage.home.home, '.claude')], 1);
  if (file === undefined) throw new Error('there is no transcript');
  const { sessionId: id, path } = file;
  const raw = readLive(readFileSync(path, 'utf8'));
  const wanted = wantedOf(raw);
  const isWhole = async (when: string) => {
    for (const look of [overSocket, overHttp]) {
      const terms = async () => termsOf(await look(stage, id), id);
      await expect.poll(terms, { ...SOON, message: `${look.name} ${when}` }).toEqual(wanted);
    }
  };
  await isWhole('at the end');
  const before = (await overSocket(stage, id)).messages;
  await stage.listener.kill();
  await stage.listener.up();
  await isWhole('after a kill');
  // Another file with the same lines: all of it is read again.
  writeFileSync(`${path}.copy`, readFileSync(path));
  renameSync(`${path}.copy`, path);
  await isWhole('when it is read again');
  const shown = await overSocket(stage, id);
  expect(shown.messages).toEqual(before);
  return { raw, shown };
}

test('a conversation that holds everything is shown as its transcript holds it', async () => {
  const parts = [picture, always, refusal, busy, shell, subagent, plan, rewind, compaction];
  const { raw, shown } = await converse(parts);
  // Everything did happen.
  expect(raw.images).toEqual([PNG.toString('base64')]);
  expect(raw.gone).toEqual(['a wrong way', 'This leads nowhere.']);
  expect(raw.compactions).toBe(1);
  expect(raw.shell).toHaveLength(1);
  const words = shown.messages.map(({ content }) => content);
  expect(words).toContain('and say it twice');
  expect(shown.subagents).toHaveLength(1);
}, 300_000);
