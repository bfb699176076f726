/**
 * The whole way: the real `claude` runs our hook.sh, as `install-hooks` registered it, and two clients of the
 * built server are shown the status of its session.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { expect, test } from 'vitest';
import { startBuiltServer } from './built-server.ts';
import { openScenario } from './scenario.ts';
import { watchDock } from './watch.ts';

/** Needs permission in the default mode, since it writes. */
const touch = (file: string) => ({
  name: 'Bash',
  input: { command: `touch ${file}`, description: 'Make a file' },
});

test('a printed turn works, then is over', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  stage.api.script('read the notes', [
    { tools: [{ name: 'Read', input: { file_path: stage.notes } }], until: opened },
    { text: 'Milk, that is all.' },
  ]);

  const ended = await stage.print('read the notes');

  // The CLI is none the wiser: nothing of ours on its streams.
  expect(ended).toEqual({ status: 0, stdout: 'Milk, that is all.\n', stderr: '' });
  const session = await opened;
  // The last two hooks are a few ms apart and sent by processes of their own.
  await session.shows(/^working (waiting )?ended$/);
});

test('a permission asked and granted in the terminal shows as permission, then working', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  stage.api.script('make a file', [
    { tools: [touch('made.txt')], until: opened },
    { text: 'There it is.' },
  ]);

  const claude = await stage.openClaude();
  await claude.say('make a file');
  const session = await opened;
  await session.shows('working permission');
  const asked = await session.receives(({ type }) => type === 'approval_requested');
  expect(asked).toMatchObject({ request: { type: 'exec', command: 'touch made.txt' } });
  await claude.decide('Enter');
  await claude.waitFor(/There it is\./);
  await session.shows('working permission working waiting');
  await claude.leave();
  await session.shows('working permission working waiting ended');
});

test('a question answered in the terminal shows as question, then working', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  const options = [
    { label: 'Postgres', description: 'A server' },
    { label: 'SQLite', description: 'A file' },
  ];
  const question = { question: 'Which database?', header: 'Database', multiSelect: false, options };
  stage.api.script('start the shop', [
    { tools: [{ name: 'AskUserQuestion', input: { questions: [question] } }], until: opened },
    { text: 'A server it is.' },
  ]);

  const claude = await stage.openClaude();
  await claude.say('start the shop');
  const session = await opened;
  await session.shows('working question');
  await claude.decide('Enter');
  await claude.waitFor(/A server it is\./);
  await session.shows('working question working waiting');
  await claude.leave();
  await session.shows('working question working waiting ended');
});

test('an API error ends the turn', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  stage.api.script('try it', [
    { tools: [{ name: 'Read', input: { file_path: stage.notes } }], until: opened },
    { error: { status: 400, message: 'no such luck' } },
  ]);

  const claude = await stage.openClaude();
  await claude.say('try it');
  const session = await opened;
  await session.shows('working waiting');
  await claude.leave();
  await session.shows('working waiting ended');
});

test('a permission asked by a subagent counts as its session waiting for you', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  const input = {
    description: 'Look',
    prompt: 'inspect the shelf',
    subagent_type: 'general-purpose',
  };
  stage.api.script('delegate', [
    { tools: [{ name: 'Agent', input }], until: opened },
    { text: 'All looked at.' },
  ]);
  stage.api.script('inspect the shelf', [
    { tools: [touch('label.txt')] },
    { text: 'The shelf is fine.' },
  ]);

  const claude = await stage.openClaude();
  await claude.say('delegate');
  const session = await opened;
  await session.shows('working permission');
  await claude.decide('Enter');
  await session.shows('working permission working waiting');
});

test('/clear ends the session and the next prompt opens another', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const first = watch.next();
  stage.api.script('say one', [{ text: 'Answer one.', until: first }]);

  const claude = await stage.openClaude();
  await claude.say('say one');
  const old = await first;
  await old.shows('working waiting');
  await claude.say('/clear');
  await old.shows('working waiting ended');

  const second = watch.next();
  stage.api.script('say two', [{ text: 'Answer two.', until: second }]);
  await claude.say('say two');
  const fresh = await second;
  expect(fresh.id).not.toBe(old.id);
  await fresh.shows('working waiting');
  await claude.leave();
  await fresh.shows('working waiting ended');
});
