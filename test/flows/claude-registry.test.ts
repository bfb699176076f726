/**
 * What no hook says: the live registry of the CLI and its processes report it. The processes are real ones; their
 * files are written as Claude writes them.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Terminals, terminalsIn } from '../support/claude-terminals.ts';
import { wsClient } from '../support/clients.ts';
import { foldJournal, rowsOf } from '../support/database.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { deliver, hookKey, scriptOf } from '../support/hooks.ts';
import { type Observer, observe } from '../support/observer.ts';

let server: WatchedServer;
let observer: Observer;
let terminals: Terminals;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  terminals = terminalsIn(join(server.paths.dir, '.claude'));
  observer = await observe(wsClient(server.url));
});
afterEach(async () => {
  await observer[Symbol.asyncDispose]();
  await terminals[Symbol.asyncDispose]();
});

/** Waits until the list shows the session so. */
async function shows(id: string, expected: object, withinMs = 15_000): Promise<void> {
  const look = async () => {
    await observer.settle();
    expect(observer.model.list.get(id)).toMatchObject(expected);
  };
  await vi.waitFor(look, { timeout: withinMs, interval: 20 });
}

/** Every status that subscribers of the session received, in order. */
function statuses(id: string): string[] {
  return observer.factsOf(id).flatMap((fact) => {
    if (fact.type !== 'session_delta') return [];
    const { status, work_status } = fact.changes;
    return status === 'ended' ? ['ended'] : work_status ? [work_status] : [];
  });
}

/** Waits until this file's words are in the journal of the session, taken or not. */
async function journalled(id: string, event: string): Promise<{ origin: string; witness: string }> {
  return await vi.waitFor(() => {
    const rows = rowsOf<{ origin: string; witness: string; type: string }>(
      server.paths,
      `SELECT origin, event ->> 'witness' AS witness, event ->> 'type' AS type
       FROM journal WHERE session_id = ?`,
      id,
    );
    const row = rows.findLast(({ type }) => type === event);
    expect(row).toBeDefined();
    return row as never;
  });
}

/** A terminal with a session that asks for a permission. */
async function asking(id: string) {
  const terminal = await terminals.open(id);
  const { start, prompt, toolStarts, asks } = scriptOf(id);
  for (const hook of [start(), prompt('Go', 'p1'), toolStarts('t1'), asks()]) {
    await deliver(server.url, hook, { key: hookKey(terminal.pid) });
  }
  terminal.says('waiting', { waitingFor: 'permission prompt' });
  await shows(id, { work_status: 'permission' });
  return terminal;
}

describe('a permission dialog in the terminal', () => {
  it('is over when the registry says idle: Esc has no hook', async () => {
    const terminal = await asking('escaped');
    terminal.says('idle');
    await shows('escaped', { work_status: 'waiting', has_pending_approval: false });
    expect(await journalled('escaped', 'witness.idle')).toEqual({
      type: 'witness.idle',
      origin: 'watch',
      witness: 'registry',
    });
    expect(foldJournal(server.paths, 'escaped')).toEqual([]);
  });

  it('is answered when the registry says busy: the allowed command runs', async () => {
    const terminal = await asking('allowed');
    terminal.says('busy');
    await shows('allowed', { work_status: 'working', has_pending_approval: false });
    const { toolEnds, stop } = scriptOf('allowed');
    for (const hook of [toolEnds('t1'), stop()]) await deliver(server.url, hook);
    terminal.says('idle');
    await journalled('allowed', 'witness.idle');
    await observer.settle();
    expect(statuses('allowed')).toEqual(['working', 'waiting']);
  });

  it('waits for its person however long nothing is said', async () => {
    const terminal = await asking('patient');
    // The next word is of another session: by then the watch has looked at all of them again.
    const other = await terminals.open('patient-other');
    other.says('idle');
    await shows('patient-other', { work_status: 'waiting' });
    await shows('patient', { status: 'active', work_status: 'permission' });
    terminal.says('idle');
  });

  it('that no hook reported is shown all the same, without what it asks', async () => {
    const terminal = await terminals.open('unheard');
    terminal.says('busy');
    await shows('unheard', { work_status: 'working' });
    terminal.says('waiting', { waitingFor: 'permission prompt' });
    await shows('unheard', { work_status: 'permission', has_pending_approval: true });
    terminal.says('waiting', { waitingFor: 'dialog open' });
    await shows('unheard', { work_status: 'waiting' });
  });
});

describe('a process that is gone', () => {
  it('ends its session when it was killed at work', async () => {
    const terminal = await terminals.open('killed');
    await deliver(server.url, scriptOf('killed').prompt('Go'));
    terminal.says('busy');
    await journalled('killed', 'witness.busy');
    await terminal.kill();
    await shows('killed', { status: 'ended', work_status: 'ended' });
    expect(endOf('killed')).toEqual({
      ...{ status: 'ended', end_reason: 'killed' },
      agent_processes: null,
    });
  });

  it('ends its session when it was killed in a dialog, and nobody is asked any more', async () => {
    const terminal = await asking('killed-asking');
    await terminal.kill();
    await shows('killed-asking', { status: 'ended', has_pending_approval: false });
  });

  it('ends its session when it left without a hook', async () => {
    const terminal = await terminals.open('left');
    terminal.says('idle');
    await shows('left', { work_status: 'waiting' });
    await terminal.leave();
    await shows('left', { status: 'ended' });
    expect(endOf('left')).toMatchObject({ end_reason: 'exited' });
  });

  it('ends nothing while another one bears the same session', async () => {
    const [one, other] = [await terminals.open('twice'), await terminals.open('twice')];
    one.says('busy');
    other.says('idle');
    await shows('twice', { work_status: 'working' });
    await one.kill();
    await shows('twice', { status: 'active', work_status: 'waiting' });
    await other.kill();
    await shows('twice', { status: 'ended' });
    expect(statuses('twice').filter((status) => status === 'ended')).toHaveLength(1);
  });

  it.each([
    ['names it', 'pair'],
    ['does not name it', 'pair-unnamed'],
  ])(
    'ends nothing when a hook that %s reports its end while another one goes on',
    async (_, id) => {
      const [one, other] = [await terminals.open(id), await terminals.open(id)];
      other.says('idle');
      one.says('idle');
      await vi.waitFor(() => expect(JSON.parse(endOf(id).agent_processes ?? '[]')).toHaveLength(2));
      await deliver(server.url, scriptOf(id).end('prompt_input_exit'), {
        key: hookKey(id === 'pair' ? one.pid : 0),
      });
      await one.leave();
      await vi.waitFor(() => expect(JSON.parse(endOf(id).agent_processes ?? '[]')).toHaveLength(1));
      await observer.settle();
      expect(statuses(id)).not.toContain('ended');
      await shows(id, { status: 'active' });
    },
  );

  it('is known to be gone when its pid is another process now', async () => {
    const terminal = await terminals.open('reused');
    terminal.says('busy');
    await shows('reused', { work_status: 'working' });
    terminal.says('busy', { procStart: '1' });
    await shows('reused', { status: 'ended' });
  });
});

describe('a process of which only hooks know', () => {
  /** A session whose hooks name a process that has no registry file. */
  async function named(id: string) {
    const terminal = await terminals.open(id);
    const { start, prompt } = scriptOf(id);
    await deliver(server.url, start(), { key: hookKey(terminal.pid) });
    await deliver(server.url, prompt('Go'), { key: hookKey(terminal.pid) });
    return terminal;
  }

  it('ends its session when it is gone', async () => {
    const terminal = await named('named');
    // Stored together with what the hook reported.
    expect(JSON.parse(endOf('named').agent_processes ?? '[]')).toMatchObject([
      { pid: terminal.pid, start: expect.stringMatching(/^\d+$/) },
    ]);
    await shows('named', { status: 'active', work_status: 'working' });
    await terminal.kill();
    await shows('named', { status: 'ended' });
    expect(foldJournal(server.paths, 'named')).toEqual([]);
  });

  it('ends its session when it was gone before the server came back', async () => {
    const terminal = await named('named-down');
    await server.stop();
    await terminal.kill();
    await server.start();
    await observer[Symbol.asyncDispose]();
    observer = await observe(wsClient(server.url));
    await shows('named-down', { status: 'ended' });
  });

  it('is looked at beside another one that has a file', async () => {
    const one = await named('named-pair');
    const other = await terminals.open('named-pair');
    other.says('idle');
    await vi.waitFor(() =>
      expect(JSON.parse(endOf('named-pair').agent_processes ?? '[]')).toHaveLength(2),
    );
    await other.leave();
    await vi.waitFor(() =>
      expect(JSON.parse(endOf('named-pair').agent_processes ?? '[]')).toHaveLength(1),
    );
    await observer.settle();
    expect(statuses('named-pair')).not.toContain('ended');
    await one.kill();
    await shows('named-pair', { status: 'ended' });
  });

  it('says nothing where its id names no process of this machine', async () => {
    const gone = await terminals.open('named-nowhere');
    await gone.kill();
    await deliver(server.url, scriptOf('named-nowhere').prompt('Go'), { key: hookKey(gone.pid) });
    await shows('named-nowhere', { status: 'active', work_status: 'working' });
    expect(endOf('named-nowhere').agent_processes).toBeNull();
  });
});

describe('a session whose file goes and comes', () => {
  it('ends each time', async () => {
    const terminal = await terminals.open('again');
    terminal.says('idle');
    await shows('again', { work_status: 'waiting' });
    rmSync(join(server.paths.dir, '.claude', 'sessions', `${terminal.pid}.json`));
    await shows('again', { status: 'ended' });
    terminal.says('idle');
    await shows('again', { status: 'active', work_status: 'waiting' });
    await terminal.kill();
    await shows('again', { status: 'ended' });
    expect(endOf('again')).toMatchObject({ end_reason: 'killed' });
  });
});

describe('while the server is down', () => {
  it('what was killed, what left and what went on are distinguished after its start', async () => {
    const ids = ['down-killed', 'down-left', 'down-idle', 'down-asking'] as const;
    const [killed, left, idle] = [
      await terminals.open(ids[0]),
      await terminals.open(ids[1]),
      await asking(ids[2]),
    ];
    await asking(ids[3]);
    killed.says('busy');
    left.says('idle');
    await shows(ids[0], { work_status: 'working' });
    await shows(ids[1], { work_status: 'waiting' });
    await vi.waitFor(() => {
      for (const id of ids) expect(endOf(id).agent_processes, id).not.toBeNull();
    });
    await server.stop();
    await killed.kill();
    await left.leave();
    idle.says('idle');
    await server.start();
    await observer[Symbol.asyncDispose]();
    observer = await observe(wsClient(server.url));
    await shows(ids[0], { status: 'ended' });
    await shows(ids[1], { status: 'ended' });
    await shows(ids[2], { status: 'active', work_status: 'waiting' });
    await shows(ids[3], { status: 'active', work_status: 'permission' });
    expect(endOf(ids[0])).toMatchObject({ end_reason: 'killed' });
    expect(endOf(ids[1])).toMatchObject({ end_reason: 'exited' });
  });
});

describe('a session that its file brings back', () => {
  it('is over after the next start when its terminal has left meanwhile', async () => {
    const terminal = await asking('back-and-left');
    await vi.waitFor(() => expect(endOf('back-and-left').agent_processes).not.toBeNull());
    await deliver(server.url, scriptOf('back-and-left').end(), { key: hookKey(terminal.pid) });
    await shows('back-and-left', { status: 'ended' });
    terminal.says('waiting', { waitingFor: 'permission prompt' });
    const alive = () => expect(endOf('back-and-left').status).toBe('active');
    await vi.waitFor(alive, { timeout: 10_000, interval: 5 });
    // As a server that is killed now leaves it.
    expect(JSON.parse(endOf('back-and-left').agent_processes ?? '[]')).toHaveLength(1);
    await server.stop();
    await terminal.leave();
    await server.start();
    await observer[Symbol.asyncDispose]();
    observer = await observe(wsClient(server.url));
    await shows('back-and-left', { status: 'ended', has_pending_approval: false });
    expect(endOf('back-and-left')).toMatchObject({ end_reason: 'exited' });
  });
});

describe('a session that no hook has shown', () => {
  it('is listed as soon as its CLI is at the prompt, and not before', async () => {
    const terminal = await terminals.open('fresh');
    terminal.says(null);
    const other = await terminals.open('fresh-other');
    other.says('idle');
    await shows('fresh-other', { status: 'active' });
    expect(observer.model.list.has('fresh')).toBe(false);
    terminal.says('idle');
    const project = { project_path: '/home/dev/shop', project_name: 'shop', provider: 'claude' };
    await shows('fresh', { status: 'active', work_status: 'waiting', ...project });
    await deliver(server.url, scriptOf('fresh').prompt('Hi'), { key: hookKey(terminal.pid) });
    await shows('fresh', { work_status: 'working', first_prompt: 'Hi' });
  });

  it('has what its start said', async () => {
    const terminal = await terminals.open('begun');
    const { start } = scriptOf('begun', '/home/dev/begun');
    await deliver(server.url, start('startup', { model: 'claude-opus-9' }));
    terminal.says('idle');
    await shows('begun', { model: 'claude-opus-9', project_path: '/home/dev/begun' });
    expect(rowsOf(server.paths, 'SELECT * FROM pending_sessions')).toEqual([]);
  });

  it('continues the one that /clear has ended', async () => {
    const terminal = await terminals.open('cleared');
    await deliver(
      server.url,
      { ...scriptOf('cleared').prompt('Hi'), model: 'claude-opus-9' },
      { key: hookKey(terminal.pid) },
    );
    terminal.says('busy');
    await journalled('cleared', 'witness.busy');
    terminal.says('idle');
    await shows('cleared', { work_status: 'waiting' });
    terminal.bears('cleared-anew');
    terminal.says('idle');
    await shows('cleared-anew', { status: 'active', forked_from_session_id: 'cleared' });
    await shows('cleared', { status: 'ended' });
    expect(endOf('cleared')).toMatchObject({ end_reason: 'clear' });
  });

  it('leaves the old one ended that its file had brought back by the stamp of the new one', async () => {
    const terminal = await terminals.open('wiped');
    const { prompt, end } = scriptOf('wiped');
    await deliver(server.url, prompt('Hi'), { key: hookKey(terminal.pid) });
    await deliver(server.url, end('clear'));
    await shows('wiped', { status: 'ended' });
    // At /clear the file bears the old session busy for a moment; on a busy machine it is read for longer.
    terminal.says('busy');
    const { stamp } = terminal;
    await shows('wiped', { work_status: 'working' });
    terminal.bears('wiped-anew');
    terminal.says('busy', { statusUpdatedAt: stamp });
    await shows('wiped-anew', { status: 'active', forked_from_session_id: 'wiped' });
    await shows('wiped', { status: 'ended' });
  });

  it('leaves the old one to the terminal that goes on with it', async () => {
    const [one, other] = [await terminals.open('shared'), await terminals.open('shared')];
    other.says('idle');
    one.says('idle');
    await vi.waitFor(() =>
      expect(JSON.parse(endOf('shared').agent_processes ?? '[]')).toHaveLength(2),
    );
    one.bears('shared-anew');
    one.says('idle');
    await shows('shared-anew', { status: 'active', forked_from_session_id: 'shared' });
    await vi.waitFor(() =>
      expect(JSON.parse(endOf('shared').agent_processes ?? '[]')).toHaveLength(1),
    );
    await shows('shared', { status: 'active', work_status: 'waiting' });
  });

  it('comes back when its file says idle after it had ended', async () => {
    const terminal = await terminals.open('back');
    await deliver(server.url, scriptOf('back').prompt('Hi'));
    await deliver(server.url, scriptOf('back').end());
    await shows('back', { status: 'ended' });
    terminal.says('idle');
    await shows('back', { status: 'active', work_status: 'waiting' });
  });
});

describe('an old word of the registry', () => {
  it('counts when it stands: the hook that is newer was stamped late', async () => {
    const id = 'late-stamp';
    const terminal = await terminals.open(id);
    const { prompt, toolStarts, toolEnds } = scriptOf(id);
    await deliver(server.url, prompt('Go'));
    await deliver(server.url, toolStarts('t1'));
    await shows(id, { work_status: 'working' });
    terminal.says('idle');
    const interrupted = `${terminal.stamp + 300}000000-1-${terminal.pid}`;
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(terminal.stamp + 300));
    await deliver(server.url, toolEnds('t1'), { key: interrupted });
    await journalled(id, 'tool.finished');
    await shows(id, { work_status: 'waiting' });
    expect(foldJournal(server.paths, id)).toEqual([]);
  });

  it('moves nothing, and repeating it reopens nothing', async () => {
    const id = 'old-words';
    const terminal = await terminals.open(id);
    const { prompt, stop } = scriptOf(id);
    await deliver(server.url, prompt('Go'));
    terminal.says('busy');
    await journalled(id, 'witness.busy');
    await shows(id, { work_status: 'working' });
    const { stamp } = terminal;
    await deliver(server.url, stop());
    await shows(id, { work_status: 'waiting' });
    for (const updatedAt of [1, 2, 3]) {
      terminal.says('busy', { statusUpdatedAt: stamp, updatedAt });
      const other = await terminals.open(`${id}-${updatedAt}`);
      other.says('idle');
      await shows(`${id}-${updatedAt}`, { status: 'active' });
    }
    await observer.settle();
    expect(statuses(id)).toEqual(['waiting']);
  });
});

function endOf(id: string) {
  const sql = 'SELECT status, end_reason, agent_processes FROM sessions WHERE id = ?';
  const [row] = rowsOf<{
    status: string;
    end_reason: string | null;
    agent_processes: string | null;
  }>(server.paths, sql, id);
  return row ?? { status: null, end_reason: null, agent_processes: null };
}
