import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { sessionRoom } from '../../src/runtime/rooms/rooms.ts';
import { foldJournal, journalOf, rowsOf } from '../support/database.ts';
import { hook, openTestRuntime, poison, type TestRuntime } from './test-runtime.ts';

const ID = 'session-1';

function take(test: TestRuntime, name: string, more: object = {}, key?: string): Promise<void> {
  return test.runtime.api.takeHook(hook(ID, name, more), { origin: 'hook', ...(key && { key }) });
}

/** Sends a live session an event past the hooks, as a connector would. */
function sendEvent({ runtime }: TestRuntime, event: SessionEvent): Promise<void> {
  const live = runtime.registry.peek(ID);
  if (!live) throw new Error('not live');
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null) => (error ? reject(error) : resolve());
    runtime.ledger.send(live, { event, origin: 'connector', key: null, settle });
  });
}

async function stored(test: TestRuntime) {
  const { stored } = await test.writer.read({ kind: 'actor', sessionId: ID });
  if (!stored) throw new Error('no such session');
  return stored;
}

function revisions({ said }: TestRuntime): number[] {
  return said
    .filter(({ room }) => room === sessionRoom(ID))
    .map(({ message }) => message.revision ?? Number.NaN);
}

describe('the ledger', () => {
  it('shows nothing before its commit, and then everything with gapless revisions', async () => {
    await using test = await openTestRuntime();
    const hooks = [
      take(test, 'UserPromptSubmit', { prompt: 'go', prompt_id: 'p1' }),
      take(test, 'PreToolUse', {
        tool_name: 'Bash',
        tool_input: { command: 'ls' },
        tool_use_id: 't1',
      }),
      take(test, 'Stop', { last_assistant_message: 'done' }),
    ];
    expect(test.said).toEqual([]);
    await Promise.all(hooks);
    const seen = revisions(test);
    expect(seen).toEqual(seen.map((_, index) => index + 1));
    expect((await stored(test)).revision).toBe(seen.length);
  });

  it('journals who sent an event, where that is known', async () => {
    await using test = await openTestRuntime();
    await take(test, 'UserPromptSubmit', { prompt: 'go' });
    const live = test.runtime.registry.peek(ID);
    if (!live) throw new Error('not live');
    const caller = { kind: 'local', address: '127.0.0.1', connection: 'ws-1' } as const;
    await new Promise<void>((resolve, reject) => {
      test.runtime.ledger.send(live, {
        event: { type: 'hook.observed', at: '2099-01-01T00:00:00.000000Z', hook: 'Stop' },
        ...{ origin: 'client', key: null, caller },
        settle: (error) => (error ? reject(error) : resolve()),
      });
    });
    const senders = rowsOf<{ caller: string | null }>(test.paths, 'SELECT caller FROM journal');
    expect(senders.map((row) => JSON.parse(row.caller ?? 'null'))).toEqual([null, caller]);
  });

  it('journals of what every hook repeats about its session only what is new', async () => {
    await using test = await openTestRuntime();
    const seen = { cwd: '/projects/a', transcript_path: '/t/a.jsonl', permission_mode: 'default' };
    await take(test, 'UserPromptSubmit', { prompt: 'go', ...seen });
    await take(test, 'UserPromptSubmit', { prompt: 'on', ...seen });
    await take(test, 'UserPromptSubmit', { prompt: 'on', ...seen, permission_mode: 'plan' });
    const { rows } = journalOf(test.paths, ID);
    const said = rows.map(({ event }) => (JSON.parse(event) as SessionEvent).fields);
    expect(said.slice(-2)).toEqual([undefined, { permission_mode: 'plan' }]);
    expect(foldJournal(test.paths, ID)).toEqual([]);
  });

  it('takes a repeated key once, within a life and across a restart', async () => {
    const first = await openTestRuntime();
    await take(first, 'UserPromptSubmit', { prompt: 'go' }, 'key-1');
    await take(first, 'UserPromptSubmit', { prompt: 'go' }, 'key-1');
    const before = await stored(first);
    await using second = await first.restart();
    await take(second, 'UserPromptSubmit', { prompt: 'go' }, 'key-1');
    const after = await stored(second);
    expect(after.revision).toBe(before.revision);
    expect(after.turnCount).toBe(1);
    expect(second.said).toEqual([]);
  });

  it('takes again what came behind a repeated key, on the state that is on disk', async () => {
    const first = await openTestRuntime();
    await take(first, 'UserPromptSubmit', { prompt: 'one', prompt_id: 'p1' }, 'key-1');
    await take(first, 'Stop', {}, 'key-2');
    await using second = await first.restart();
    await Promise.all([
      take(second, 'UserPromptSubmit', { prompt: 'other', prompt_id: 'p9' }, 'key-1'),
      take(second, 'UserPromptSubmit', { prompt: 'two', prompt_id: 'p2' }, 'key-3'),
      take(second, 'Stop', { last_assistant_message: 'done' }, 'key-4'),
    ]);
    const { turnCount, summary } = await stored(second);
    expect(turnCount).toBe(2);
    expect(summary.work_status).toBe('waiting');
    expect(summary.last_message).toBe('done');
    expect(JSON.stringify(second.said)).not.toContain('other');
  });

  it('sets a poisonous event aside alone, and takes again what came behind it', async () => {
    await using test = await openTestRuntime();
    await take(test, 'UserPromptSubmit', { prompt: 'go', prompt_id: 'p1' });
    const poisoned = sendEvent(test, poison(ID));
    const next = take(test, 'PreToolUse', { tool_name: 'Read', tool_input: {}, tool_use_id: 't1' });
    await expect(poisoned).rejects.toMatchObject({ code: 'quarantined' });
    await next;
    // It was the disk that refused it, and not the chart.
    const sql = 'SELECT session_id FROM quarantine';
    expect(rowsOf(test.paths, sql)).toEqual([{ session_id: ID }]);
    expect((await stored(test)).summary.work_status).toBe('working');
    expect(JSON.stringify(test.said)).not.toContain('poison');
    const seen = revisions(test);
    expect(seen).toEqual(seen.map((_, index) => index + 1));
  });

  it('keeps a session and its neighbours serving when its chart throws', async () => {
    await using test = await openTestRuntime();
    await take(test, 'UserPromptSubmit', { prompt: 'go', prompt_id: 'p1' });
    const bug = { type: 'tools.settled', at: '2099-01-01T00:00:00.000000Z', tools: null };
    await expect(sendEvent(test, bug as unknown as SessionEvent)).rejects.toMatchObject({
      code: 'quarantined',
    });
    await test.runtime.api.takeHook(hook('session-2', 'UserPromptSubmit', { prompt: 'x' }), {
      origin: 'hook',
    });
    await take(test, 'Stop', { last_assistant_message: 'done' });
    expect((await stored(test)).summary).toMatchObject({
      work_status: 'waiting',
      last_message: 'done',
    });
    expect(test.runtime.registry.peek('session-2')?.head.snapshot.hasTag('working')).toBe(true);
  });

  it('acknowledges and shows what was on its way to the disk when its chart throws', async () => {
    await using test = await openTestRuntime();
    await take(test, 'UserPromptSubmit', { prompt: 'go', prompt_id: 'p1' });
    const onItsWay = sendEvent(test, {
      type: 'name.updated',
      at: '2099-01-01T00:00:00.000000Z',
      name: 'On its way',
    });
    const bug = { type: 'tools.settled', at: '2099-01-01T00:00:01.000000Z', tools: null };
    const refused = sendEvent(test, bug as unknown as SessionEvent);
    const after = take(test, 'Stop', { last_assistant_message: 'done' });
    await expect(refused).rejects.toMatchObject({ code: 'quarantined' });
    await onItsWay;
    await after;
    const { summary, revision } = await stored(test);
    expect(summary).toMatchObject({ custom_name: 'On its way', last_message: 'done' });
    expect(revisions(test)).toEqual(Array.from({ length: revision }, (_, index) => index + 1));
  });

  it('journals an event that the chart refuses, and changes nothing by it', async () => {
    await using test = await openTestRuntime();
    await take(test, 'UserPromptSubmit', { prompt: 'go', prompt_id: 'p1' });
    await take(test, 'SessionEnd', { reason: 'other' });
    const before = await stored(test);
    const said = test.said.length;
    await take(test, 'SubagentStart', { agent_id: 'a1', agent_type: 'general' });
    const after = await stored(test);
    expect(after.revision).toBe(before.revision);
    expect(after.snapshot).toBe(before.snapshot);
    expect(test.said.length).toBe(said);
  });
});
