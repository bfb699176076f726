/**
 * What no hook reports, from end to end: the real `claude` writes its live registry, and two clients of the built
 * server are shown what its session does.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startWatchingServer } from './built-server.ts';
import { openScenario, type Scenario } from './scenario.ts';
import { watchDock } from './watch.ts';

const bash = (command: string) => ({
  tools: [{ name: 'Bash', input: { command, description: 'x' } }],
});

/** The process of the only CLI that lives in the stage's home. */
function pidIn({ home }: Scenario<Awaited<ReturnType<typeof startWatchingServer>>>): number {
  const folder = join(home.home, '.claude', 'sessions');
  const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return Number(JSON.parse(readFileSync(join(folder, name), 'utf8')).pid);
}

test('a session is listed at its prompt, works, asks, runs what was allowed, and ends by /exit', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using watch = await watchDock(stage.listener.url);
  stage.api.script('allow this', [bash('sleep 3; touch allowed'), { text: 'It ran.' }]);
  const opened = watch.next();
  const claude = await stage.openClaude();
  const session = await opened;
  await session.shows('waiting');

  await claude.say('allow this');
  await session.shows('waiting working permission');
  await claude.decide('Enter');
  const began = Date.now();
  await session.shows('waiting working permission working');
  // The command sleeps for three seconds, and only its end has a hook.
  expect(Date.now() - began).toBeLessThan(2000);
  await claude.waitFor(/It ran\./);
  await session.shows('waiting working permission working waiting');
  await claude.leave();
  await session.shows('waiting working permission working waiting ended');
});

test('Esc in a dialog and Esc while the model answers leave the session waiting', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using watch = await watchDock(stage.listener.url);
  stage.api.script('refuse this', [bash('touch refused'), { text: 'Not reached.' }]);
  stage.api.script('talk on', [{ text: 'Once upon a time', until: new Promise(() => {}) }]);
  const opened = watch.next();
  const claude = await stage.openClaude();
  const session = await opened;

  await claude.say('refuse this');
  await session.shows('waiting working permission');
  await claude.decide('Escape');
  await session.shows('waiting working permission waiting');
  await claude.say('talk on');
  await claude.waitFor(/Once upon a time/);
  await session.shows('waiting working permission waiting working');
  await claude.press('Escape');
  await session.shows('waiting working permission waiting working waiting');
  await claude.leave();
});

test('kill -9 at work ends the session', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using watch = await watchDock(stage.listener.url);
  stage.api.script('talk on', [{ text: 'Once upon a time', until: new Promise(() => {}) }]);
  const opened = watch.next();
  const claude = await stage.openClaude();
  const session = await opened;
  await claude.say('talk on');
  await claude.waitFor(/Once upon a time/);
  await session.shows('waiting working');
  process.kill(pidIn(stage), 'SIGKILL');
  await session.shows('waiting working ended');
});

test('/clear ends the session and the new one is at the prompt', async () => {
  await using stage = await openScenario(startWatchingServer);
  await using watch = await watchDock(stage.listener.url);
  stage.api.script('say one', [{ text: 'Answer one.' }]);
  const first = watch.next();
  const claude = await stage.openClaude();
  const old = await first;
  await claude.say('say one');
  await claude.waitFor(/Answer one\./);
  await old.shows('waiting working waiting');
  const second = watch.next();
  await claude.say('/clear');
  const fresh = await second;
  await old.shows('waiting working waiting ended');
  await fresh.shows('waiting');
  const listed = await fresh.receives(({ type }) => type === 'session_snapshot');
  expect(listed).toMatchObject({ session: { forked_from_session_id: old.id } });
  await claude.leave();
  await fresh.shows('waiting ended');
});

test('a kill while the server is down shows after its start', async () => {
  await using stage = await openScenario(startWatchingServer);
  stage.api.script('talk on', [{ text: 'Once upon a time', until: new Promise(() => {}) }]);
  let id: string;
  {
    await using watch = await watchDock(stage.listener.url);
    const opened = watch.next();
    const claude = await stage.openClaude();
    const session = await opened;
    await claude.say('talk on');
    await claude.waitFor(/Once upon a time/);
    await session.shows('waiting working');
    id = session.id;
  }
  await stage.listener.down();
  process.kill(pidIn(stage), 'SIGKILL');
  await stage.listener.up();
  const started = Date.now();
  await using watch = await watchDock(stage.listener.url);
  await watch.shown(id, 'ended');
  expect(Date.now() - started).toBeLessThan(5000);
});
