/** A journal in real time: what lasted how long, read once and then only read on. */
import { describe, expect, it } from 'vitest';
import { createTimelineBuilder, type TimelineBuilder } from '../../machines/index.ts';
import { redactText } from '../../src/inspection/redact.ts';
import { scriptOf } from '../support/hooks.ts';
import { openInspection, sessionWithPermission } from './setup.ts';

type Row = Parameters<TimelineBuilder['add']>[0];

/** A row of a journal, one second after the other. */
function row(seq: number, event: { type: string; [key: string]: unknown }, request = 'none'): Row {
  return {
    seq,
    at: seq * 1000,
    event: JSON.stringify(event),
    value: JSON.stringify({
      phase: { active: { turn: 'open', agents: 'none', requests: request } },
      link: 'passive',
    }),
    accepted: true,
  };
}

function asking(seq: number, id: string): Row {
  const request = {
    ...{ id, session_id: 's1', type: 'exec', tool_name: 'Bash', command: `run ${id}` },
    ...{ file_path: null, diff: null, question: null },
  };
  return row(seq, { type: 'approval.requested', request }, 'permission');
}

describe('the timeline of a journal', () => {
  it('says from when to when it waited, worked and used a tool, and that the link stayed', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const { first, last, cut, times, kinds, types, spans } =
      await runtime.inspection.timeline('s1');
    expect({ first, last, cut, events: times.length }).toEqual({
      ...{ first: 1, last: 5, cut: false, events: 5 },
    });
    expect(kinds.map((kind) => types[kind])).toEqual([
      ...['turn.started', 'tool.started', 'approval.requested', 'tool.finished', 'turn.completed'],
    ]);
    const lasted = spans.map(({ row, seq, endSeq }) => [row, seq, endSeq]);
    expect(lasted).toContainEqual(['turn', 1, 5]);
    expect(lasted).toContainEqual(['tool', 2, 4]);
    expect(lasted).toContainEqual(['request', 3, 4]);
    expect(lasted).toContainEqual(['link', 1, null]);
    expect(spans.find(({ row }) => row === 'request')?.text).toBe('exec');
  });

  it('does not count the notice of a request as a second one', () => {
    const builder = createTimelineBuilder(redactText);
    builder.add(asking(1, 'r1'));
    const notice = JSON.parse(asking(2, 'notice').event) as { type: string; request: object };
    builder.add(row(2, { ...notice, type: 'attention.noticed', kind: 'permission' }, 'permission'));
    const requests = builder
      .view({ first: 1, last: 2 })
      .spans.filter((span) => span.row === 'request');
    expect(requests.map(({ seq }) => seq)).toEqual([1]);
  });

  it('notes how full the context was, where both its use and its size are known', () => {
    const builder = createTimelineBuilder(redactText);
    const usages = [
      [50, 200],
      [0, 200],
      [50, 0],
      [300, 200],
    ];
    for (const [at, [input_tokens, context_window]] of usages.entries()) {
      builder.add(row(at + 1, { type: 'usage.updated', usage: { input_tokens, context_window } }));
    }
    expect(builder.view({ first: 1, last: 4 }).context).toEqual([
      [1000, 0.25],
      [4000, 1],
    ]);
  });

  it('says that it is cut as soon as one event is gone', () => {
    const builder = createTimelineBuilder(redactText);
    builder.add(asking(2, 'r1'));
    expect(builder.view({ first: 2, last: 2 }).cut).toBe(true);
    expect(builder.view({ first: 1, last: 2 }).cut).toBe(false);
    expect(builder.view({ first: 0, last: 0 }).cut).toBe(false);
  });

  it('is read on where it ended, and says the same as one that is read whole', async () => {
    const stage = await openInspection();
    await stage.take(...sessionWithPermission('s1').slice(0, 4));
    const before = await stage.runtime.inspection.timeline('s1');
    expect(before.spans.find(({ row }) => row === 'request')?.to).toBeNull();
    await stage.take(...sessionWithPermission('s1').slice(4), scriptOf('s1').prompt('go on'));
    const readOn = await stage.runtime.inspection.timeline('s1');
    expect(readOn.last).toBe(6);
    await stage.restart();
    expect(await stage.runtime.inspection.timeline('s1')).toEqual(readOn);
  });

  it('counts each event once, also for two pages that ask at the same moment', async () => {
    const { runtime, take } = await openInspection();
    await take(...sessionWithPermission('s1'));
    const both = [runtime.inspection.timeline('s1'), runtime.inspection.timeline('s1')];
    const [one, other] = await Promise.all(both);
    expect(other).toEqual(one);
    expect(one?.times).toHaveLength(one?.last ?? 0);
  });

  it('holds each of a hundred requests among five thousand events, once', () => {
    const builder = createTimelineBuilder((text) => redactText(text, 120));
    for (let seq = 1; seq <= 5000; seq += 1) {
      if (seq % 50 === 1) builder.add(asking(seq, `r${seq}`));
      else if (seq % 50 === 2 || seq % 50 === 3)
        builder.add(row(seq, { type: 'hook.observed' }, 'permission'));
      else builder.add(row(seq, { type: 'hook.observed' }));
    }
    const { spans, times } = builder.view({ first: 1, last: 5000 });
    const requests = spans.filter(({ row: name }) => name === 'request');
    expect(times).toHaveLength(5000);
    expect(requests).toHaveLength(100);
    expect(requests.every(({ from, to }) => to !== null && to - from === 3000)).toBe(true);
  });

  it('ends a request with its own answer while another one goes on waiting', () => {
    const builder = createTimelineBuilder((text) => redactText(text, 120));
    builder.add(asking(1, 'a'));
    builder.add(asking(2, 'b'));
    builder.add(row(3, { type: 'approval.decided', requestId: 'a' }, 'permission'));
    builder.add(row(4, { type: 'hook.observed' }, 'permission'));
    const { spans } = builder.view({ first: 1, last: 4 });
    const requests = spans.filter(({ row: name }) => name === 'request');
    expect(requests.map(({ id, endSeq }) => [id, endSeq])).toEqual([
      ['a', 3],
      ['b', null],
    ]);
  });

  it('marks a failed turn and a failed tool, and leaves out what was refused', () => {
    const builder = createTimelineBuilder((text) => redactText(text, 120));
    const tool = { toolUseId: 't1', name: 'Bash' };
    builder.add(row(1, { type: 'turn.started' }));
    builder.add(row(2, { type: 'tool.started', tool }));
    builder.add(row(3, { type: 'tool.finished', tool, outcome: 'failed' }));
    builder.add({ ...row(4, { type: 'turn.completed' }), accepted: false });
    builder.add(row(5, { type: 'turn.failed' }));
    const { spans, kinds } = builder.view({ first: 1, last: 5 });
    const received = spans.filter(({ row: name }) => name === 'turn' || name === 'tool');
    expect(received).toMatchObject([
      { row: 'turn', endSeq: 5, failed: true },
      { row: 'tool', text: 'Bash', endSeq: 3, failed: true },
    ]);
    expect(kinds[3]).toBeLessThan(0);
  });
});
