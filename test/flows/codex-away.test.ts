/**
 * Threads whose daemon is off: what other processes say in them is read from their rollouts, and the daemon reports
 * what follows once it is back. Nothing is shown twice, and nothing is missing.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  answered,
  openCodexTerminal,
  openJoined,
  openSharedDock,
  type SharedDock,
  saidIn,
  startDaemon,
  talk,
} from '../support/codex-daemon.ts';
import { type CodexExec, codexExec } from '../support/codex-exec.ts';
import { createSteered, type SteeredSession, steered } from '../support/codex-setup.ts';
import { rowsOf } from '../support/database.ts';

let dock: SharedDock;
beforeAll(async () => {
  dock = await openSharedDock();
});

afterAll(() => dock?.[Symbol.asyncDispose]());
beforeEach(async () => {
  await dock.daemon.stop();
  dock.daemon = await startDaemon(dock.home);
});

const PATIENT = { timeout: 20_000 };

async function daemonLeaves(session: SteeredSession): Promise<void> {
  await dock.daemon.stop();
  await expect
    .poll(async () => (await session.snapshot()).link_reason, PATIENT)
    .toBe('the shared Codex daemon is gone');
}

async function daemonReturns(session: SteeredSession, threadId = session.id) {
  dock.daemon = await startDaemon(dock.home);
  const terminal = await openCodexTerminal(dock.home, ['resume', threadId]);
  await expect.poll(async () => (await session.snapshot()).link_state, PATIENT).toBe('attached');
  return terminal;
}

/** All sessions that there are, to see that none is there twice. */
const sessionsOf = (threadId: string) =>
  rowsOf<{ id: string }>(
    dock.server.paths,
    'SELECT id FROM sessions WHERE id = ? OR codex_thread_id = ?',
    threadId,
    threadId,
  );

/** A run that fails says why. */
async function runs(run: CodexExec, session: SteeredSession): Promise<void> {
  const over = run.over.then((how) => Promise.reject(new Error(`It is over: ${how}`)));
  await Promise.race([expect.poll(() => works(session), PATIENT).toBe('working'), over]);
  over.catch(() => {});
}

const works = async (session: SteeredSession) => (await session.snapshot()).work_status;

describe('a thread of a terminal whose daemon is off', { timeout: 90_000 }, () => {
  it('is followed in its rollout, and in the daemon once that is back', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await talk(terminal, session, ['in the daemon']);
    await daemonLeaves(session);
    await using run = codexExec(dock.home, 'without it\n!wait away\n!say without a daemon', {
      resume: session.id,
    });
    await runs(run, session);
    await expect
      .poll(() => saidIn(session), PATIENT)
      .toEqual([
        ...answered('in the daemon'),
        'user: without it\n!wait away\n!say without a daemon',
      ]);
    dock.api.open('away');
    expect(await run.over).toBe(0);
    const both = [
      ...answered('in the daemon'),
      'user: without it\n!wait away\n!say without a daemon',
      'assistant: without a daemon',
    ];
    await expect.poll(() => saidIn(session), PATIENT).toEqual(both);
    await expect.poll(() => works(session), PATIENT).toBe('waiting');
    expect(await session.snapshot()).toMatchObject({
      ...{ status: 'active', work_status: 'waiting', turn_count: 2 },
      ...{ link_state: 'detached', last_message: 'without a daemon' },
    });
    await using second = await daemonReturns(session);
    expect(await saidIn(session)).toEqual(both);
    await talk(second, session, ['in the next one']);
    expect(await saidIn(session)).toEqual([...both, ...answered('in the next one')]);
    expect(await session.snapshot()).toMatchObject({ work_status: 'waiting', turn_count: 3 });
    expect(sessionsOf(session.id)).toHaveLength(1);
  });

  it('refuses words of a client while another process has it, whose turn goes on', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await talk(terminal, session, ['mine']);
    await daemonLeaves(session);
    const prompt = 'held\n!wait held\n!say still here';
    await using run = codexExec(dock.home, prompt, { resume: session.id });
    await runs(run, session);
    await session.ask('send_message', { content: 'let me in' });
    await expect
      .poll(async () => (await session.snapshot()).link_reason, PATIENT)
      .toMatch(/open in another Codex process/);
    expect(await session.snapshot()).toMatchObject({
      link_state: 'failed',
      work_status: 'working',
    });
    const mine = (await session.messages()).find(({ content }) => content === 'let me in');
    expect(mine).toMatchObject({ is_error: true, tool_output: expect.stringMatching(/^failed: /) });
    dock.api.open('held');
    await expect.poll(() => works(session), PATIENT).toBe('waiting');
    const said = await saidIn(session);
    expect(said).toContain('assistant: still here');
    expect(said.filter((one) => one.includes('Interrupted'))).toEqual([]);
  });

  it('says that a run of another process was killed, and goes on in the daemon', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await talk(terminal, session, ['before']);
    await daemonLeaves(session);
    await using run = codexExec(dock.home, 'to be killed\n!wait killed', { resume: session.id });
    await runs(run, session);
    // A turn begins in the file before its prompt is written there: killed in between, it has none.
    await expect.poll(() => saidIn(session), PATIENT).toContain('user: to be killed\n!wait killed');
    run.process.kill('SIGKILL');
    await expect.poll(() => works(session), PATIENT).toBe('waiting');
    expect((await saidIn(session)).slice(2)).toEqual([
      'user: to be killed\n!wait killed',
      expect.stringMatching(/^assistant: Interrupted: /),
    ]);
    await using second = await daemonReturns(session);
    await talk(second, session, ['behind']);
    expect((await saidIn(session)).slice(4)).toEqual(answered('behind'));
    expect(await session.snapshot()).toMatchObject({ turn_count: 3 });
  });

  it('is followed by a server that is started meanwhile, which sees its turn run', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await talk(terminal, session, ['before the start']);
    await daemonLeaves(session);
    await dock.server.stop();
    await using run = codexExec(dock.home, 'no server\n!wait start\n!say without a server', {
      resume: session.id,
    });
    await expect
      .poll(() => JSON.stringify(dock.api.requests).includes('!wait start'), PATIENT)
      .toBe(true);
    await dock.server.start();
    const again = steered(await dock.client(), session.id);
    await expect.poll(() => works(again), PATIENT).toBe('working');
    await dock.server.restart();
    const third = steered(await dock.client(), session.id);
    await expect.poll(() => works(third), PATIENT).toBe('working');
    dock.api.open('start');
    expect(await run.over).toBe(0);
    await expect
      .poll(() => saidIn(third), PATIENT)
      .toEqual([
        ...answered('before the start'),
        'user: no server\n!wait start\n!say without a server',
        'assistant: without a server',
      ]);
    await expect.poll(() => works(third), PATIENT).toBe('waiting');
    expect(await third.snapshot()).toMatchObject({ turn_count: 2 });
  });

  it('that was begun here is followed as the session that it is', async () => {
    const client = await dock.client();
    const fields = { cwd: dock.home.project, engine: 'shared' };
    // The daemon has just been started: it is refused until the server has joined it.
    const session = await vi.waitFor(() => createSteered(client, fields), PATIENT);
    await session.say('begun here');
    await session.idle();
    const { resume_command: command = '' } = await session.snapshot();
    const threadId = command?.split(' ').at(-1) ?? '';
    expect(threadId).not.toBe(session.id);
    await daemonLeaves(session);
    await using run = codexExec(dock.home, 'went on', { resume: threadId });
    expect(await run.over).toBe(0);
    const both = answered('begun here', 'went on');
    await expect.poll(() => saidIn(session), PATIENT).toEqual(both);
    await using terminal = await daemonReturns(session, threadId);
    await talk(terminal, session, ['and back']);
    expect(await saidIn(session)).toEqual([...both, ...answered('and back')]);
    expect(sessionsOf(threadId)).toEqual([{ id: session.id }]);
  });
});
