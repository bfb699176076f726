/** What Codex keeps on disk of before: listed and opened, without anything of it being stored. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listPast, readPast } from '../../../src/providers/codex/rollouts/past-sessions.ts';
import { codexExec, rolloutsOf, threadOfRollout } from '../../support/codex-exec.ts';
import { createCodexHome } from '../../support/codex-home.ts';
import { startFakeResponsesApi } from '../../support/fake-responses-api.ts';

const keep = () => ({ refusal: 'not here' });

describe('past threads', () => {
  it('are listed with the newest first, page by page, and read whole', async () => {
    await using api = await startFakeResponsesApi();
    await using home = await createCodexHome(api);
    for (const words of ['the first', '!exec echo two\n!think three']) {
      await using run = codexExec(home, words);
      expect(await run.over).toBe(0);
    }
    const [first, second] = rolloutsOf(home).map(threadOfRollout);
    const homes = [home.codexHome];
    const [newest, ...others] = await listPast(homes, { after: null, limit: 1 });
    expect(others).toEqual([]);
    expect(newest).toMatchObject({ id: second, model: 'gpt-5.5', project_path: home.project });
    expect(newest?.first_prompt).toBe('!exec echo two !think three');
    const place = { at: Date.parse(newest?.last_activity_at ?? ''), id: second as string };
    const rest = await listPast(homes, { after: place, limit: 10 });
    expect(rest.map(({ id, first_prompt }) => [id, first_prompt])).toEqual([[first, 'the first']]);
    const past = await readPast(homes, second as string, keep);
    expect(past?.messages.map(({ message_type }) => message_type)).toEqual([
      'user',
      'tool',
      'thinking',
    ]);
    expect(await readPast(homes, '../../etc/passwd', keep)).toBeNull();
  });

  it('are none where there is no home of Codex', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'odp-'));
    expect(await listPast([join(folder, 'none')], { after: null, limit: 9 })).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
