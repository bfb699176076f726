/**
 * Where the hooks of the real `claude` are incomplete: ends without a hook, a stop that is not the
 * end, a prompt that nobody typed. What these tests pin down is what the server must not promise.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI.
 */
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { outline, startRecorder } from './recorder.ts';
import { openScenario } from './scenario.ts';

/** Needs permission in the default mode, since it writes. */
const touch = (file: string) => ({
  name: 'Bash',
  input: { command: `touch ${file}`, description: 'Make a file' },
});

test('Esc while the model answers leaves no hook at all', async () => {
  await using stage = await openScenario(startRecorder);
  stage.api.script('talk on', [{ text: 'Once upon a time', until: new Promise(() => {}) }]);
  stage.api.script('say more', [{ text: 'The end.' }]);

  const claude = await stage.openClaude();
  await claude.say('talk on');
  await claude.waitFor(/Once upon a time/);
  await claude.press('Escape');
  await claude.waitFor(/Interrupted/);
  await claude.say('say more');
  await stage.listener.waitFor('Stop');
  await claude.leave();

  expect(outline(stage.listener.hooks)).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'UserPromptSubmit',
    'Stop',
    'SessionEnd prompt_input_exit',
  ]);
});

test('a permission refused in the terminal leaves no hook at all', async () => {
  await using stage = await openScenario(startRecorder);
  stage.api.script('make a file', [{ tools: [touch('made.txt')] }, { text: 'Not reached.' }]);

  const claude = await stage.openClaude();
  await claude.say('make a file');
  await stage.listener.waitFor('PermissionRequest');
  await claude.decide('Escape');
  await claude.waitFor(/Interrupted/);
  await claude.leave();

  expect(outline(stage.listener.hooks)).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'PreToolUse Bash',
    'PermissionRequest Bash',
    'SessionEnd prompt_input_exit',
  ]);
});

test('a compaction refused for want of messages, as by older versions, begins and never ends', async () => {
  await using stage = await openScenario(startRecorder);
  stage.api.script('say one', [{ text: 'Answer one.' }]);

  const claude = await stage.openClaude();
  await claude.say('say one');
  await stage.listener.waitFor('Stop');
  await claude.say('/compact');
  const screen = await claude.waitFor(/Not enough messages to compact|Compacted/);
  await claude.leave();

  const lines = outline(stage.listener.hooks);
  const end = 'SessionEnd prompt_input_exit';
  if (screen.includes('Compacted')) {
    expect(lines.slice(-2)).toEqual(['PostCompact', end]);
  } else expect(lines.slice(-2)).toEqual(['PreCompact', end]);
});

test('a background agent outlives Stop and returns with a prompt nobody typed', async () => {
  await using stage = await openScenario(startRecorder);
  const shelf = new EventEmitter();
  const input = {
    description: 'Look',
    prompt: 'inspect the shelf',
    subagent_type: 'general-purpose',
    run_in_background: true,
  };
  stage.api.script('delegate', [
    { tools: [{ name: 'Agent', input }] },
    { text: 'It is on its way.' },
    { text: 'The shelf is fine.' },
  ]);
  stage.api.script('inspect the shelf', [{ text: 'All in order.', until: once(shelf, 'seen') }]);

  const claude = await stage.openClaude();
  await claude.say('delegate');
  const stopped = await stage.listener.waitFor('Stop');
  expect(stopped.background_tasks).toMatchObject([{ type: 'subagent', status: 'running' }]);
  shelf.emit('seen');
  const news = await stage.listener.waitFor((hook) => String(hook.prompt).startsWith('<task-'));
  expect(news.prompt).toMatch(/^<task-notification>/);
  await claude.waitFor(/The shelf is fine\./);
  await claude.leave();

  // Two threads of events: between them nothing is in order, SubagentStart may follow PostToolUse.
  const lines = outline(stage.listener.hooks);
  expect(lines.filter((line) => line.startsWith('>'))).toEqual([
    '> SubagentStart',
    '> SubagentStop',
  ]);
  expect(lines.filter((line) => !line.startsWith('>'))).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'PreToolUse Agent',
    'PostToolUse Agent',
    'Stop',
    'UserPromptSubmit',
    'Stop',
    'SessionEnd prompt_input_exit',
  ]);
});

test('parallel calls that need permission are asked for one after the other', async () => {
  await using stage = await openScenario(startRecorder);
  stage.api.script('make two', [
    { tools: [touch('one.txt'), touch('two.txt')] },
    { text: 'Two they are.' },
  ]);

  const claude = await stage.openClaude();
  await claude.say('make two');
  for (const file of ['one.txt', 'two.txt']) {
    // The dialog does not wait for its hook: pressed too soon, the two would arrive the wrong way round.
    await stage.listener.waitFor(
      (hook) =>
        hook.hook_event_name === 'PermissionRequest' &&
        JSON.stringify(hook.tool_input).includes(file),
    );
    await claude.decide('Enter', new RegExp(`Bash command[^]*touch ${file}[^]*❯ 1\\. Yes`));
  }
  await claude.waitFor(/Two they are\./);
  await claude.leave();

  const one = ['PreToolUse Bash', 'PermissionRequest Bash', 'PostToolUse Bash'];
  expect(outline(stage.listener.hooks)).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    ...one,
    ...one,
    'Stop',
    'SessionEnd prompt_input_exit',
  ]);
});

test('a closed terminal still ends its session', async () => {
  await using stage = await openScenario(startRecorder);
  stage.api.script('say one', [{ text: 'Answer one.' }]);

  const claude = await stage.openClaude();
  await claude.say('say one');
  await stage.listener.waitFor('Stop');
  await claude.close();

  expect(outline(stage.listener.hooks).at(-1)).toBe('SessionEnd other');
});
