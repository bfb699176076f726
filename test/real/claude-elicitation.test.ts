/**
 * An MCP server asks the user of the real `claude`. The CLI runs the hook of that before its dialog and waits for it,
 * so a hook of ours that waited for a client would keep the dialog from the person at the terminal: it is shown
 * everywhere, and answered there.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { ApprovalRequest } from '../../src/protocol/nouns.ts';
import type { ApprovalHistoryItem } from '../../src/protocol/reply-nouns.ts';
import { writeMcpServer } from '../support/asking-mcp-server.ts';
import { type AskedClient, askedClient, noHookIsLeft } from './answering-client.ts';
import { startWatchingServer } from './built-server.ts';
import { openScenario } from './scenario.ts';

const FORM = {
  message: 'May it be published?',
  requestedSchema: {
    type: 'object' as const,
    properties: { sure: { type: 'boolean', title: 'Sure' } },
  },
};
const SURVEY = { tools: [{ name: 'mcp__calc__survey', input: { form: 0 } }] };

/** The next form that the client is shown; the registry alone may have reported before that something is asked. */
async function formShown({ client }: AskedClient, from: number): Promise<ApprovalRequest> {
  const found = await client.waitFor(
    (m) =>
      client.messages.indexOf(m) >= from &&
      m.type === 'approval_requested' &&
      m.request.question === FORM.message,
  );
  if (found.type !== 'approval_requested') throw new Error('unreachable');
  return found.request;
}

/** The registry may say that the dialog is over before its hook says how. */
const hasWord = ({ decision }: ApprovalHistoryItem) => decision !== 'unknown';

test('a form of an MCP server is shown at once, and its dialog in the terminal decides', async () => {
  await using stage = await openScenario(startWatchingServer);
  const { home, project } = stage.home;
  const presets = JSON.parse(readFileSync(join(home, '.claude.json'), 'utf8'));
  const calc = { type: 'stdio', ...writeMcpServer(home, [FORM]) };
  writeFileSync(join(home, '.claude.json'), JSON.stringify({ ...presets, mcpServers: { calc } }));
  const settings = join(project, '.claude', 'settings.json');
  mkdirSync(dirname(settings), { recursive: true });
  writeFileSync(settings, JSON.stringify({ permissions: { allow: ['mcp__calc__survey'] } }));
  stage.api.script('first survey', [SURVEY, { text: 'The first is over.' }]);
  stage.api.script('second survey', [SURVEY, { text: 'The second is over.' }]);
  await using person = await askedClient(stage.listener.url);
  const claude = await stage.openClaude();
  const results = () =>
    JSON.stringify(stage.api.requests.findLast(({ kind }) => kind === 'step')?.body?.messages);

  await claude.say('first survey');
  await person.session();
  const first = await formShown(person, 0);
  expect(first.type).toBe('question');
  expect(first.answerable).toBeUndefined();
  // The dialog is there, and no hook of ours waits beside it.
  await claude.waitFor(/requests your input/);
  await noHookIsLeft(stage.listener);
  expect(await person.answer(first, { answer: 'yes' })).toBe('watched_only');
  await claude.press('Down');
  await claude.waitFor(/❯ Accept/);
  await claude.confirm(/The first is over\./);
  expect(await person.settled(first, hasWord)).toMatchObject({ decision: 'answered' });
  expect(results()).toContain('accept');

  const from = person.client.messages.length;
  await claude.say('second survey');
  const second = await formShown(person, from);
  await claude.waitFor((screen) => /requests your input/.test(screen));
  await claude.press('Escape');
  await claude.waitFor(/The second is over\./);
  expect(await person.settled(second, hasWord)).toMatchObject({ decision: 'cancelled' });
  expect(results()).toContain('cancel');
  await noHookIsLeft(stage.listener);
});
