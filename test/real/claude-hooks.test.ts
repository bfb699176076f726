/**
 * What the real `claude` reports through its hooks, scenario by scenario, recorded without any code of ours. If
 * a new version of the CLI breaks a test here, our reading of hooks has to be looked at again.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI.
 */
import { expect, test } from 'vitest';
import { outline, type SeenHook, startRecorder } from './recorder.ts';
import { openScenario } from './scenario.ts';

test('a printed turn reports its tool between prompt and stop', async () => {
  await using stage = await openScenario(startRecorder);
  stage.api.script('read the notes', [
    { text: 'Reading.', tools: [{ name: 'Read', input: { file_path: stage.notes } }] },
    { text: 'Milk, that is all.' },
  ]);

  const ended = await stage.print('Please read the notes');

  expect(ended).toMatchObject({ status: 0, stdout: 'Milk, that is all.\n' });
  expect(outline(stage.listener.hooks)).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'PreToolUse Read',
    'PostToolUse Read',
    'Stop',
    'SessionEnd other',
  ]);
  expect(stage.api.strays).toEqual([]);
});

test('a permission asked and granted in the terminal shows as request, then result', async () => {
  await using stage = await openScenario(startRecorder);
  const command = 'touch made.txt';
  stage.api.script('make a file', [
    { tools: [{ name: 'Bash', input: { command, description: 'Make a file' } }] },
    { text: 'There it is.' },
  ]);

  const claude = await stage.openClaude();
  await claude.say('make a file');
  const asked = await stage.listener.waitFor('PermissionRequest');
  expect(asked).toMatchObject({ tool_name: 'Bash', tool_input: { command } });
  expect(asked).not.toHaveProperty('tool_use_id');
  await claude.decide('Enter');
  await claude.waitFor(/There it is\./);
  expect(await claude.leave()).toBe(0);

  expect(outline(stage.listener.hooks)).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'PreToolUse Bash',
    'PermissionRequest Bash',
    'PostToolUse Bash',
    'Stop',
    'SessionEnd prompt_input_exit',
  ]);
  expect(stage.api.strays).toEqual([]);
});

test('a question answered in the terminal is a permission request for the asking tool', async () => {
  await using stage = await openScenario(startRecorder);
  const options = [
    { label: 'Postgres', description: 'A server' },
    { label: 'SQLite', description: 'A file' },
  ];
  const question = { question: 'Which database?', header: 'Database', multiSelect: false, options };
  stage.api.script('start the shop', [
    { tools: [{ name: 'AskUserQuestion', input: { questions: [question] } }] },
    { text: 'A file it is.' },
  ]);

  const claude = await stage.openClaude();
  await claude.say('start the shop');
  await stage.listener.waitFor('PermissionRequest');
  await claude.choose(/SQLite/);
  await claude.decide('Enter');
  await claude.waitFor(/A file it is\./);
  await claude.leave();

  expect(outline(stage.listener.hooks)).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'PreToolUse AskUserQuestion',
    'PermissionRequest AskUserQuestion',
    'PostToolUse AskUserQuestion',
    'Stop',
    'SessionEnd prompt_input_exit',
  ]);
  const answered = await stage.listener.waitFor('PostToolUse');
  expect(answered.tool_response).toMatchObject({ answers: { 'Which database?': 'SQLite' } });
});

test('an API error ends the turn with StopFailure in place of Stop', async () => {
  await using stage = await openScenario(startRecorder);
  stage.api.script('try it', [{ error: { status: 400, message: 'no such luck' } }]);

  const ended = await stage.print('try it');

  expect(ended.status).toBe(1);
  // Not awaited by the CLI: it may come after SessionEnd, even after the process is gone.
  const failed = await stage.listener.waitFor('StopFailure');
  expect(failed.last_assistant_message).toMatch(/400 no such luck/);
  const lines = outline(stage.listener.hooks);
  expect(lines.filter((line) => line !== 'StopFailure')).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'SessionEnd other',
  ]);
});

test('a subagent works under its own agent id, inside the call that started it or behind its turn', async () => {
  await using stage = await openScenario(startRecorder);
  const input = {
    description: 'Look',
    prompt: 'inspect the shelf',
    subagent_type: 'general-purpose',
  };
  stage.api.script('delegate', [
    { tools: [{ name: 'Agent', input }] },
    { text: 'All looked at.' },
    { text: 'It is fine.' },
  ]);
  stage.api.script('inspect the shelf', [
    { tools: [{ name: 'Read', input: { file_path: stage.notes } }] },
    { text: 'The shelf is fine.' },
  ]);

  await stage.print('delegate');

  const lines = outline(stage.listener.hooks);
  expect(lines.filter((line) => line.startsWith('>'))).toEqual([
    '> SubagentStart',
    '> PreToolUse Read',
    '> PostToolUse Read',
    '> SubagentStop',
  ]);
  const isInside = lines.indexOf('> SubagentStop') < lines.indexOf('PostToolUse Agent');
  // Newer versions let every agent work in the background, and its report begins another turn.
  const report = isInside ? [] : ['UserPromptSubmit', 'Stop'];
  expect(lines.filter((line) => !line.startsWith('>'))).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'PreToolUse Agent',
    'PostToolUse Agent',
    'Stop',
    ...report,
    'SessionEnd other',
  ]);
});

test('/clear ends one session and starts another in the same process', async () => {
  await using stage = await openScenario(startRecorder);
  stage.api.script('say one', [{ text: 'Answer one.' }]);
  stage.api.script('say two', [{ text: 'Answer two.' }]);

  const claude = await stage.openClaude();
  await claude.say('say one');
  await stage.listener.waitFor('Stop');
  await claude.say('/clear');
  const cleared = await stage.listener.waitFor((hook) => hook.source === 'clear');
  await claude.say('say two');
  await stage.listener.waitFor(
    (hook) => hook.hook_event_name === 'Stop' && hook.session_id === cleared.session_id,
  );
  await claude.leave();

  const { hooks } = stage.listener;
  const isOld = (hook: SeenHook): boolean => hook.session_id === hooks[0]?.session_id;
  expect(outline(hooks.filter(isOld))).toEqual([
    'SessionStart startup',
    'UserPromptSubmit',
    'Stop',
    'SessionEnd clear',
  ]);
  expect(outline(hooks.filter((hook) => !isOld(hook)))).toEqual([
    'SessionStart clear',
    'UserPromptSubmit',
    'Stop',
    'SessionEnd prompt_input_exit',
  ]);
});
