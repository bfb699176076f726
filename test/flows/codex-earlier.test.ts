/**
 * Steered sessions of earlier builds: their databases open in this build, and the thread of a session goes on with the
 * real Codex, which has its rollout.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CodexHome } from '../support/codex-home.ts';
import { createSteered, openCodexSetup, steered } from '../support/codex-setup.ts';
import { rowsOf } from '../support/database.ts';
import { temporaryDataPaths } from '../support/server.ts';

/** The thread whose rollout is in the fixtures. */
const ROLLOUT_OF = '01a22842-3623-74a2-aa42-038229ac17f4';

/** In each dump: a session at rest after three turns, and one whose request was open when its server was killed. */
const DUMPS = [
  {
    version: 3,
    rests: 'b284f401-eea7-47f4-b100-d1730b2fd833',
    asked: '6fa51296-8bd5-4e17-9b0c-1ed92d9d8344',
  },
  {
    version: 4,
    rests: '56d307a9-b75b-4612-9d5a-188b1725bfa1',
    asked: 'cb621dfd-aa89-442e-80f6-57f3ab46ad45',
  },
];

const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');

/** A dock over such a database; Codex finds the rollout of the session at rest. */
async function openEarlier(version: number, rests: string) {
  const paths = temporaryDataPaths();
  onTestFinished(() => rmSync(paths.dir, { recursive: true, force: true }));
  const prepare = async ({ codexHome, project }: CodexHome) => {
    const moved = (text: string) => text.replaceAll('/home/dev', dirname(project));
    const database = new Database(paths.database);
    database.exec(moved(fixture(`databases/steered-${version}.sql`)));
    const thread = database
      .prepare<[string], string>('SELECT codex_thread_id FROM sessions WHERE id = ?')
      .pluck()
      .get(rests) as string;
    database.close();
    const folder = join(codexHome, 'sessions/2026/11/29');
    mkdirSync(folder, { recursive: true });
    const rollout = moved(fixture('codex-rollouts/steered.jsonl')).replaceAll(ROLLOUT_OF, thread);
    writeFileSync(join(folder, `rollout-2026-11-29T17-02-37-${thread}.jsonl`), rollout);
  };
  return openCodexSetup({ paths }, prepare);
}

describe.each(DUMPS)('a steered session of version $version of the chart', (dump) => {
  it('shows its conversation and goes on with its thread', async () => {
    await using dock = await openEarlier(dump.version, dump.rests);
    const session = steered(await dock.client(), dump.rests);
    const before = await session.messages();
    expect(before.map(({ message_type }) => message_type)).toEqual([
      ...['user', 'tool', 'assistant', 'user', 'assistant', 'user', 'tool'],
    ]);
    await session.say('!say It goes on.');
    await session.idle();
    expect((await session.messages()).slice(before.length)).toMatchObject([
      { message_type: 'user' },
      { message_type: 'assistant', content: 'It goes on.' },
    ]);
    // The thread has what was said before: Codex sent it to the model.
    expect(JSON.stringify(dock.api.requests.at(-1)?.input)).toContain('It is there.');
    expect(await session.snapshot()).toMatchObject({ work_status: 'waiting', turn_count: 4 });
  });

  it('closes the request that was open when its server was killed, and takes no answer to it', async () => {
    await using dock = await openEarlier(dump.version, dump.rests);
    const session = steered(await dock.client(), dump.asked);
    const shown = await session.snapshot();
    expect(shown).toMatchObject({ work_status: 'waiting', pending_approval: null });
    const [request] = rowsOf<{ id: string; decided: string | null }>(
      dock.server.paths,
      'SELECT request_id AS id, decided_at AS decided FROM approval_history ORDER BY id DESC LIMIT 1',
    );
    expect(request?.decided).not.toBeNull();
    expect(await session.settle(request?.id ?? '', { decision: 'approved' })).toMatchObject({
      type: 'error',
      code: 'already_resolved',
    });
  });

  it('stands beside a session that is begun today', async () => {
    await using dock = await openEarlier(dump.version, dump.rests);
    const client = await dock.client();
    const session = await createSteered(client, { cwd: dock.home.project });
    await session.say('!say Begun today.');
    await session.idle();
    client.send({ type: 'subscribe_list' });
    const { sessions } = await client.waitFor((frame) => frame.type === 'sessions_list');
    expect(sessions.map(({ id }) => id).sort()).toEqual(
      [dump.rests, dump.asked, session.id].sort(),
    );
  });
});
