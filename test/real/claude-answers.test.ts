/**
 * What the real `claude` asks in its terminal is answered by a client, while the terminal's own dialog is open:
 * whoever is first decides, and the other is told.
 *
 * Run by .ci/run, not by `npm test`: it installs the CLI and builds the server.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askedClient, noHookIsLeft } from './asked.ts';
import { startWatchingDock } from './dock.ts';
import { openStage } from './stage.ts';

const bash = (command: string) => ({
  tools: [{ name: 'Bash', input: { command, description: 'x' } }],
});

test('a client allows a tool: it runs in the terminal, and the history says who allowed it', async () => {
  await using stage = await openStage(startWatchingDock);
  await using person = await askedClient(stage.listener.url);
  stage.api.script('make a file', [bash('touch made'), { text: 'There it is.' }]);
  const claude = await stage.openClaude();

  await claude.say('make a file');
  const request = await person.asked();
  expect(request).toMatchObject({ type: 'exec', command: 'touch made' });
  await claude.waitFor(/❯ 1\. Yes/);
  expect(await person.decide(request, { decision: 'approved' })).toBeNull();

  await claude.waitFor(/There it is\./);
  expect(existsSync(join(stage.home.project, 'made'))).toBe(true);
  expect(await person.settled(request)).toMatchObject({
    decision: 'approved',
    decided_by: { kind: 'local' },
  });
  await noHookIsLeft(stage.listener);
});
