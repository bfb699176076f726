/** The past of a session: pages, moments, the reasons for a state, and what could have happened. */
import { describe, expect, it } from 'vitest';
import type { InspectRecord } from '../../src/protocol/inspect.ts';
import { scriptOf } from '../support/hooks.ts';
import { openInspection, sessionWithPermission } from './setup.ts';

describe('the history of a session', () => {
  it('shows every event with its edges, guards decided, facts counted, refusals included', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const { records, first, last, cut } = await runtime.inspection.history('s1', null);
    expect({ first, last, cut }).toEqual({ first: 1, last: 5, cut: false });
    expect(records.map(({ event, value }) => [event.type, phaseOf(value)])).toEqual([
      ['turn.started', 'open none'],
      ['tool.started', 'open none'],
      ['approval.requested', 'open permission'],
      ['tool.finished', 'open none'],
      ['turn.completed', 'closed none'],
    ]);
    for (const { edges, facts, accepted } of records) {
      expect(accepted).toBe(true);
      expect(edges?.length).toBeGreaterThan(0);
      expect(facts).not.toBeNull();
    }
    const [, , asked] = records;
    // The report's own edge, and the eventless one that the open request opens.
    expect(asked?.edges).toHaveLength(2);
    expect(asked?.facts).toContain('approval_requested');
  });

  it('is the same after a restart of the server as it was live', async () => {
    const stage = await openInspection();
    const received: InspectRecord[] = [];
    await stage.take(scriptOf('s1').start(), scriptOf('s1').prompt('go'));
    stage.runtime.inspection.attach({ records: (_, records) => received.push(...records) });
    const { records: before } = await stage.runtime.inspection.watch('s1', null);
    await stage.take(...sessionWithPermission('s1').slice(2));
    await stage.runtime.inspection.watch('s1', null); // tells what has gathered
    const live = [...before, ...received];
    const moments = await Promise.all(
      live.map(({ seq }) => stage.runtime.inspection.at('s1', seq)),
    );
    await stage.restart();
    const { records } = await stage.runtime.inspection.history('s1', null);
    expect(records).toEqual(live);
    for (const moment of moments) {
      expect(await stage.runtime.inspection.at('s1', moment.seq)).toEqual(moment);
    }
  });

  it('shows a moment with the context before and after, and no text of anybody', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const moment = await runtime.inspection.at('s1', 3);
    expect(moment.event).toMatchObject({ type: 'approval.requested', request: { type: 'exec' } });
    expect(moment.previous.context).toMatchObject({ approvals: [], tools: [{ name: 'Bash' }] });
    expect(moment.context).toMatchObject({ approvals: [{ request: { type: 'exec' } }] });
    expect(JSON.stringify(moment)).not.toMatch(/rm -rf|delete the build|home\/dev/);
  });

  it('folds a long session from its bases, page by page, without a hole', async () => {
    const { runtime, take } = await openInspection();
    const script = scriptOf('long');
    await take(script.start(), script.prompt('go'));
    for (let turn = 0; turn < 40; turn++) {
      const hooks = Array.from({ length: 15 }, (_, at) => [
        script.toolStarts(`t${turn}-${at}`),
        script.toolEnds(`t${turn}-${at}`),
      ]);
      await Promise.all(hooks.flat().map((hook) => take(hook)));
    }
    const seen: InspectRecord[] = [];
    let before: number | null = null;
    do {
      const { records } = await runtime.inspection.history('long', before, 150);
      seen.unshift(...records);
      before = records[0]?.seq ?? null;
    } while (before !== null && before > 1);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, at) => at + 1));
    expect(seen).toHaveLength(1201);
    expect(seen.every(({ edges }) => edges !== null)).toBe(true);
    expect((await runtime.inspection.at('long', 730)).edges).toEqual(seen[729]?.edges);
  });

  it('says so when an event is beyond retention, or never was', async () => {
    const stage = await openInspection();
    await stage.take(...sessionWithPermission('s1'));
    await expect(stage.runtime.inspection.at('s1', 99)).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(stage.runtime.inspection.history('nobody', null)).resolves.toEqual({
      records: [],
      first: 0,
      last: 0,
      cut: false,
    });
    await cutJournal(stage, 's1', 3);
    await expect(stage.runtime.inspection.at('s1', 2)).rejects.toMatchObject({
      code: 'cut',
      message: expect.stringContaining('the oldest one still there is 4'),
    });
    const page = await stage.runtime.inspection.history('s1', null);
    expect(page).toMatchObject({ first: 4, last: 5, cut: true });
    expect(page.records.map(({ edges }) => edges?.length)).toEqual([2, 1]);
    expect((await stage.runtime.inspection.at('s1', 4)).previous.value).toMatchObject({
      phase: { active: { turn: 'open', requests: 'permission' } },
    });
  });
});

describe('why', () => {
  it('names the event, the origin and the guarded edge that led into a state, and for how long', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1').slice(0, 4));
    const why = await runtime.inspection.why(
      's1',
      'session.phase.active.requests.permission',
      null,
    );
    expect(why.active).toBe(true);
    expect(why.entered).toMatchObject({ seq: 3, event: 'approval.requested', origin: 'hook' });
    expect(why.entered?.edges.map(({ event }) => event)).toContain('permission.pending');
    expect(why.forMs).toBeGreaterThanOrEqual(0);
    const answer = why.events.find(({ event }) => event === 'approval.decided');
    // Also of a watched session: whether a hook waits for it.
    expect(answer).toMatchObject({ verdict: 'depends' });
    const stop = why.events.find(({ event }) => event === 'interrupt.requested');
    expect(stop?.verdict).toBe('refused');
    expect(stop?.takenIn).toContain('session.link.attached');
  });

  it('explains a state that was left, and one that never was', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const left = await runtime.inspection.why(
      's1',
      'session.phase.active.requests.permission',
      null,
    );
    expect(left).toMatchObject({
      active: false,
      entered: { seq: 3 },
      left: { seq: 4, event: 'tool.finished' },
    });
    const never = await runtime.inspection.why('s1', 'session.phase.ended', null);
    expect(never).toMatchObject({ active: false, entered: null });
    const born = await runtime.inspection.why('s1', 'session.link.passive', null);
    expect(born).toMatchObject({
      active: true,
      entered: null,
      reason: expect.stringMatching(/since it began/),
    });
    await expect(runtime.inspection.why('s1', 'session.phase.nowhere', null)).rejects.toMatchObject(
      {
        code: 'bad_request',
      },
    );
  });

  it('names the guard that says no', async () => {
    const { runtime, take } = await openInspection();
    const script = scriptOf('s1');
    await take(script.start(), script.prompt('go'), script.end());
    const { events } = await runtime.inspection.next('s1', null);
    const restart = events.find(({ event }) => event === 'session.started');
    expect(restart?.ways[0]?.guard).toMatchObject({ name: 'isFreshStart', reads: ['source'] });
    const agent = events.find(({ event }) => event === 'agent.started');
    expect(agent).toMatchObject({ verdict: 'refused' });
  });
});

describe('a dry run', () => {
  it('shows where an event would lead and moves nothing', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const at = '2030-01-01T00:00:00.000000Z';
    const run = await runtime.inspection.dryRun('s1', null, {
      type: 'turn.started',
      at,
      promptId: null,
      prompt: null,
    });
    expect(run).toMatchObject({
      possible: true,
      changed: true,
      value: { phase: { active: { turn: 'open' } } },
    });
    const refused = await runtime.inspection.dryRun('s1', null, {
      type: 'interrupt.requested',
      at,
    });
    expect(refused).toMatchObject({
      possible: false,
      reason: expect.stringMatching(/session\.link\.attached would/),
    });
    const { records } = await runtime.inspection.history('s1', null);
    expect(records).toHaveLength(5);
    expect(runtime.registry.peek('s1')?.head.snapshot.value).toMatchObject({
      phase: { active: { turn: 'closed' } },
    });
  });

  it('refuses what is no event of the chart, and says which fields are missing', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    for (const type of ['xstate.init', 'xstate.stop', 'x y', '']) {
      await expect(runtime.inspection.dryRun('s1', null, { type })).rejects.toMatchObject({
        code: 'bad_request',
      });
    }
    await expect(
      runtime.inspection.dryRun('s1', null, { type: 'tool.started' }),
    ).rejects.toMatchObject({
      code: 'bad_request',
      message: expect.stringMatching(/needs fields/),
    });
  });
});

function phaseOf(value: InspectRecord['value']): string {
  const { active } = (value as { phase: { active: { turn: string; requests: string } } }).phase;
  return `${active.turn} ${active.requests}`;
}

/** Takes the journal away up to a base at `seq`, as retention would after thousands of events. */
async function cutJournal(
  stage: Awaited<ReturnType<typeof openInspection>>,
  session: string,
  seq: number,
): Promise<void> {
  const { default: Database } = await import('better-sqlite3');
  const { createDummy, persisted } = await import('../../src/inspection/fold.ts');
  const database = new Database(stage.paths.database);
  const base = database
    .prepare<[string], string>('SELECT snapshot FROM journal_bases WHERE session_id = ?')
    .pluck()
    .get(session);
  const dummy = createDummy(JSON.parse(base ?? ''));
  const rows = database
    .prepare<[string, number], string>(
      'SELECT event FROM journal WHERE session_id = ? AND seq <= ? ORDER BY seq',
    )
    .pluck()
    .all(session, seq);
  for (const row of rows) dummy.take(JSON.parse(row));
  database.prepare('DELETE FROM journal WHERE session_id = ? AND seq <= ?').run(session, seq);
  database
    .prepare('UPDATE journal_bases SET seq = ?, snapshot = ? WHERE session_id = ?')
    .run(seq, JSON.stringify(persisted(dummy.snapshot)), session);
  database.close();
}
