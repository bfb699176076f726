/**
 * Statuses around the gaps that claude-silence.test.ts pins down: where no hook reports an end, the next thing
 * that the CLI reports must set the status right, and nothing may stay stuck.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { EventEmitter, once } from 'node:events';
import { test } from 'vitest';
import type { Received } from '../support/clients.ts';
import { startBuiltServer } from './built-server.ts';
import { openScenario } from './scenario.ts';
import { watchDock } from './watch.ts';

/** The model's last words of a turn, which `Stop` brings: proof that it has reached the server. */
const isReply =
  (words: string) =>
  (message: Received): boolean =>
    message.type === 'message_appended' && message.message.content === words;

test('a refused permission is settled by the next prompt', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  const input = { command: 'touch made.txt', description: 'Make a file' };
  stage.api.script('make a file', [{ tools: [{ name: 'Bash', input }], until: opened }]);
  stage.api.script('never mind', [{ text: 'As you like.' }]);

  const claude = await stage.openClaude();
  await claude.say('make a file');
  const session = await opened;
  await session.shows('working permission');
  await claude.decide('Escape');
  await claude.waitFor(/Interrupted/);
  await claude.say('never mind');
  await session.shows('working permission working waiting');
});

test('a turn cut short with Esc is settled by the next prompt', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  stage.api.script('talk on', [{ text: 'Once upon a time', until: new Promise(() => {}) }]);
  stage.api.script('say more', [{ text: 'The end.' }]);

  const claude = await stage.openClaude();
  await claude.say('talk on');
  const session = await opened;
  await session.shows('working');
  await claude.waitFor(/Once upon a time/);
  await claude.press('Escape');
  await claude.waitFor(/Interrupted/);
  await claude.say('say more');
  await session.shows('working waiting');
});

test('a compaction of a single exchange, which older versions refuse, leaves the session waiting', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  stage.api.script('say one', [{ text: 'Answer one.', until: opened }]);
  stage.api.script('say two', [{ text: 'Answer two.' }]);

  const claude = await stage.openClaude();
  await claude.say('say one');
  const session = await opened;
  await session.shows('working waiting');
  await claude.say('/compact');
  await claude.waitFor(/Not enough messages to compact|Compacted/);
  await claude.say('say two');
  await session.shows('working waiting working waiting');
});

test('a session works as long as its background agent does', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  const shelf = new EventEmitter();
  const input = {
    description: 'Look',
    prompt: 'inspect the shelf',
    subagent_type: 'general-purpose',
    run_in_background: true,
  };
  stage.api.script('delegate', [
    { tools: [{ name: 'Agent', input }], until: opened },
    { text: 'It is on its way.' },
    { text: 'The shelf is fine.' },
  ]);
  stage.api.script('inspect the shelf', [{ text: 'All in order.', until: once(shelf, 'seen') }]);

  const claude = await stage.openClaude();
  await claude.say('delegate');
  const session = await opened;
  await session.receives(isReply('It is on its way.'));
  await session.shows('working');
  shelf.emit('seen');
  await session.receives(isReply('The shelf is fine.'));
  // Between the agent's end and the CLI's own prompt about it nothing runs, for some 100 ms.
  await session.shows(/^working (waiting working )?waiting$/);
});

test('a background shell is no work', async () => {
  await using stage = await openScenario(startBuiltServer);
  await using watch = await watchDock(stage.listener.url);
  const opened = watch.next();
  const input = { command: 'tail -f notes.txt', description: 'Serve', run_in_background: true };
  stage.api.script('serve it', [
    { tools: [{ name: 'Bash', input }], until: opened },
    { text: 'Serving.' },
  ]);

  const claude = await stage.openClaude();
  await claude.say('serve it');
  const session = await opened;
  await session.shows('working waiting');
});
