/**
 * What changes a conversation of the real `claude` beside plain turns: a picture, a rule for good, a plan, a way back
 * and a compaction. In the end clients are shown what the living branch of the transcript holds, in its order.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Message } from '../../src/protocol/nouns.ts';
import { listTranscripts } from '../../src/providers/claude/homes.ts';
import { wsClient } from '../support/clients.ts';
import { startWatchingDock } from './dock.ts';
import { openStage, type Stage } from './stage.ts';
import { watchDock } from './watch.ts';

type Watched = Stage<Awaited<ReturnType<typeof startWatchingDock>>>;

/** One pixel. */
const PICTURE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const bash = (command: string) => ({
  tools: [{ name: 'Bash', input: { command, description: 'x' } }],
});

interface Block {
  type: string;
  text?: string;
  id?: string;
  tool_use_id?: string;
  content?: unknown;
}

/** A line of a transcript, as far as it is read here. */
interface Row {
  type: string;
  uuid?: string;
  parentUuid?: string | null;
  logicalParentUuid?: string | null;
  isMeta?: boolean;
  isCompactSummary?: boolean;
  permissionMode?: string;
  message?: { content: string | Block[] };
}

/** The lines of the branch that lives, the oldest first: from the newest line back to its parents. */
function livingIn(path: string): Row[] {
  const rows = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): Row => JSON.parse(line));
  const byId = new Map(rows.map((row) => [row.uuid, row]));
  const living: Row[] = [];
  let row = rows.findLast(({ uuid }) => uuid !== undefined);
  while (row !== undefined && !living.includes(row)) {
    living.unshift(row);
    row = byId.get(row.parentUuid ?? row.logicalParentUuid ?? 'none');
  }
  return living;
}

/** What was said and done in these lines, without what the CLI writes for itself. */
function saidIn(rows: readonly Row[]) {
  const said = rows.flatMap((row): [string, string][] => {
    if (row.isMeta || row.isCompactSummary || !row.message) return [];
    const { content } = row.message;
    const blocks: Block[] =
      typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    return blocks.flatMap((block): [string, string][] => {
      if (block.type === 'tool_use') return [['tool', block.id ?? '']];
      if (block.type !== 'text' || /^<(command|local-command)-/.test(block.text ?? '')) return [];
      return [[row.type, block.text ?? '']];
    });
  });
  const results = rows.flatMap(({ message }) =>
    Array.isArray(message?.content)
      ? message.content.filter(({ type }) => type === 'tool_result')
      : [],
  );
  const pictures = results.filter((one) => JSON.stringify(one.content).includes('"type":"image"'));
  return { said, results: results.length, pictures: pictures.length };
}

/** What a client is shown that comes now. */
async function shownTo({ listener }: Watched, id: string) {
  const client = await wsClient(listener.url);
  try {
    client.send({ type: 'subscribe_session', session_id: id });
    const found = await client.waitFor(({ type }) => type === 'session_snapshot');
    if (found.type !== 'session_snapshot') throw new Error('unreachable');
    return found.session;
  } finally {
    await client.close();
  }
}

/** The same as `saidIn` says it of the transcript. */
function saidBy(messages: readonly Message[], id: string) {
  const isTool = ({ message_type, tool_name }: Message) =>
    message_type === 'tool' && tool_name !== 'Compact';
  const said = messages.flatMap((one): [string, string][] => {
    if (isTool(one)) return [['tool', one.id.slice(id.length + 1)]];
    const { message_type: type, content } = one;
    return type === 'user' || type === 'assistant' ? [[type, content]] : [];
  });
  const tools = messages.filter(isTool);
  return {
    said,
    results: tools.filter(({ tool_output }) => tool_output !== null).length,
    pictures: tools.filter(({ images = [] }) => images.length > 0).length,
  };
}

test('a picture, a rule, a plan, a way back and a compaction are shown as the transcript has them', async () => {
  await using stage = await openStage(startWatchingDock);
  await using watch = await watchDock(stage.listener.url);
  const picture = join(stage.home.project, 'dot.png');
  writeFileSync(picture, Buffer.from(PICTURE, 'base64'));
  stage.api.script('look at it', [
    { text: 'I look.', tools: [{ name: 'Read', input: { file_path: picture } }] },
    { text: 'A dot.' },
  ]);
  stage.api.script('make two', [bash('touch one'), bash('touch two'), { text: 'Both made.' }]);
  const plan = { tools: [{ name: 'ExitPlanMode', input: { plan: 'Build a shed' } }] };
  stage.api.script('plan a shed', [plan, { text: 'Begun.' }]);
  stage.api.script('a mistake', [{ text: 'To be forgotten.' }]);
  stage.api.script('after all', [{ text: 'A new branch.' }]);
  stage.api.script('the end', [{ text: 'Good bye.' }]);
  const opened = watch.next();
  const claude = await stage.openClaude();
  const { id } = await opened;

  await claude.say('look at it');
  await claude.waitFor(/A dot\./);
  await claude.say('make two');
  await claude.waitFor(/❯ 1\. Yes/);
  // "Yes, and do not ask again": of the command, or of the directory; then the second is asked about.
  await claude.press('2');
  const isAskedAgain = (screen: string) => / touch two\n[\s\S]*❯ 1\. Yes/.test(screen);
  const after = await claude.waitFor(
    (screen) => /Both made\./.test(screen) || isAskedAgain(screen),
  );
  if (isAskedAgain(after)) await claude.confirm(/Both made\./);

  await claude.enterPlanMode();
  await claude.say('plan a shed');
  await claude.waitFor(/❯ 1\. Yes/);
  await claude.confirm(/Begun\./);

  await claude.say('a mistake');
  await claude.waitFor(/To be forgotten\./);
  // One that comes while the turn still ends is for that.
  await vi.waitFor(
    async () => {
      await claude.press('Escape');
      await claude.press('Escape');
      await claude.waitFor(/❯ \(current\)/, 3000);
    },
    { timeout: 20_000, interval: 100 },
  );
  await claude.press('Up');
  await claude.waitFor(/❯ a mistake/);
  await claude.press('Enter');
  await claude.waitFor(/❯ 1\. Restore conversation/);
  await claude.press('Enter');
  await claude.waitFor((screen) => !screen.includes('Restore conversation'));
  await claude.press('C-u');
  await claude.say('after all');
  await claude.waitFor(/A new branch\./);

  await claude.say('/compact');
  await claude.waitFor(/[Cc]ompacted/);
  await claude.say('the end');
  await claude.waitFor(/Good bye\./);
  await claude.leave();

  const [file] = await listTranscripts([join(stage.home.home, '.claude')], 1);
  const path = file?.path ?? 'none';
  const prompts = ['look at it', 'make two', 'plan a shed', 'after all', 'the end'];
  const living = saidIn(livingIn(path));
  expect(living.said.filter(([type]) => type === 'user')).toEqual(
    prompts.map((words) => ['user', words]),
  );
  await expect
    .poll(async () => saidBy((await shownTo(stage, id)).messages, id), { timeout: 20_000 })
    .toEqual(living);
  expect(living.pictures).toBe(1);
  const { permission_mode: mode } = await shownTo(stage, id);
  const modes = livingIn(path).flatMap(({ permissionMode }) => permissionMode ?? []);
  expect(mode).toBe(modes.at(-1));
});
