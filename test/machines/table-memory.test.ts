/** What the chart keeps in its context, how much of it at most, and what only the row of a session keeps. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/index.ts';
import { initialFactsOf } from '../../machines/step.ts';
import {
  agentBegan,
  asked,
  elicited,
  messageOf,
  noticed,
  prompted,
  report,
  runOf,
  settled,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { changed, closed, opened } from './rows.ts';
import { sessionAfter } from './session-after.ts';

const DIRECT = { integration_mode: 'direct' } as const;
const linked = (capabilities: string[]): SessionEvent[] => [
  report(1, 'link.requested', {}),
  report(1, 'link.attached', { capabilities, threadId: 't' }),
];
const submitted = (n: number, id: string) =>
  report(n, 'message.submitted', { message: messageOf(id, 'user'), order: runOf(id) });
const many = (count: number, one: (n: number) => SessionEvent) =>
  Array.from({ length: count }, (_, n) => one(n));
const ids = (count: number, name: (n: number) => string, kept: number) =>
  Array.from({ length: kept }, (_, n) => name(count - kept + n));

describe('of many, the newest are remembered', () => {
  it('256 tool uses that run', () => {
    const scene = sessionAfter([prompted(1), ...many(300, (n) => toolBegan(2 + n, `t${n}`))]);
    const known = scene.context().tools.map(({ toolUseId }) => toolUseId);
    expect(known).toEqual(ids(300, (n) => `t${n}`, 256));
  });

  it('128 agents that run', () => {
    const scene = sessionAfter([prompted(1), ...many(150, (n) => agentBegan(2 + n, `a${n}`))]);
    const known = scene.context().agents.map(({ id }) => id);
    expect(known).toEqual(ids(150, (n) => `a${n}`, 128));
  });

  it('20 tool uses that are over', () => {
    const scene = sessionAfter([prompted(1), ...many(30, (n) => toolEnded(2 + n, `t${n}`))]);
    const known = scene.context().finished.map(({ toolUseId }) => toolUseId);
    expect(known).toEqual(ids(30, (n) => `t${n}`, 20));
  });

  it('20 requests that were settled', () => {
    const requests = many(30, (n) => asked(2 + n, `r${n}`, `t${n}`));
    const scene = sessionAfter([prompted(1), ...requests, stopped(99)]);
    const known = scene.context().settled.map(({ requestId }) => requestId);
    expect(known).toEqual(ids(30, (n) => `r${n}`, 20));
  });

  it('64 messages that are on their way, and 64 texts that are streamed', () => {
    const scene = sessionAfter(
      [
        ...linked(['turn.run']),
        ...many(70, (n) => submitted(2 + n, `m${n}`)),
        ...many(70, (n) =>
          report(2 + n, 'message.added', {
            message: messageOf(`s${n}`, 'assistant'),
            isOpen: true,
          }),
        ),
      ],
      DIRECT,
    );
    expect(scene.context().outbox).toEqual(ids(70, (n) => `m${n}`, 64));
    expect(scene.context().streams).toEqual(ids(70, (n) => `s${n}`, 64));
  });
});

describe('a connector that goes', () => {
  it('takes every message with it that was on its way', () => {
    const scene = sessionAfter(
      [...linked(['turn.run']), submitted(2, 'm1'), submitted(3, 'm2')],
      DIRECT,
    );
    const { facts } = scene.send(report(4, 'link.lost', { reason: 'gone' }));
    const lost = { tool_output: 'unknown: gone', is_error: true };
    expect(facts.slice(0, 2)).toMatchObject([changed('m1', lost), changed('m2', lost)]);
    expect(scene.context().outbox).toEqual([]);
  });

  it.each([
    report(4, 'link.lost', { reason: 'gone' }),
    report(4, 'link.rested', {}),
    report(4, 'server.restarted', {}),
  ])('leaves nothing that it could do: $type', (event) => {
    const scene = sessionAfter(linked(['turn.run']), DIRECT);
    scene.send(event);
    expect(scene.link()).toBe('detached');
    expect(scene.context().capabilities).toEqual([]);
  });
});

it('a restarted server says the status again: the row may still show the one of before', () => {
  const scene = sessionAfter(linked([]), DIRECT);
  const [said] = scene.send(report(4, 'server.restarted', {})).facts;
  expect(said).toMatchObject({
    type: 'session_delta',
    changes: { status: 'active', work_status: 'waiting', link_state: 'detached' },
  });
});

describe('a prompt', () => {
  it('ends the tool uses of the turn before: a notification does not speak of them', () => {
    const scene = sessionAfter([prompted(1), toolBegan(2, 't1'), prompted(3)]);
    expect(scene.context().tools).toEqual([]);
    const { facts } = scene.send(noticed(4, 'permission'));
    expect(facts[0]).toMatchObject(opened('notice-4'));
    expect(scene.context().approvals[0]).toMatchObject({ tool: null, toolUseId: null });
  });

  it('leaves those of agents, and those that began after it', () => {
    const scene = sessionAfter([
      prompted(1),
      toolBegan(2, 't1@a1'),
      toolBegan(5, 't2'),
      prompted(3),
    ]);
    const running = scene.context().tools.map(({ toolUseId }) => toolUseId);
    expect(running).toEqual(['t1', 't2']);
  });
});

it('a dialog of an MCP server opens the turn: its tool runs on the main thread', () => {
  const scene = sessionAfter();
  scene.send(elicited(1, 'q1'));
  expect(scene.isTurnOpen()).toBe(true);
  expect(scene.context().turn).toMatchObject({ id: 'turn-1', count: 1 });
});

it('a request is tied to the tool use that comes after it: another with the same input is none of it', () => {
  const same = { digest: 'input of t1' };
  const scene = sessionAfter([
    prompted(1),
    settled(2, 't0', 'unknown'),
    asked(3, 'r1', 't1'),
    toolBegan(4, 't1'),
    toolBegan(5, 't2', same),
    toolEnded(6, 't2', same),
  ]);
  expect(scene.context().approvals).toMatchObject([{ request: { id: 'r1' }, toolUseId: 't1' }]);
  scene.send(toolEnded(7, 't1'));
  expect(scene.context().approvals).toEqual([]);
});

it('every request that ended with its turn is approved after all when its tool ran', () => {
  const scene = sessionAfter([
    prompted(1),
    toolBegan(2, 't1'),
    toolBegan(3, 't2'),
    asked(4, 'r1', 't1'),
    asked(5, 'r2', 't2'),
    stopped(6),
  ]);
  const of = (id: string) =>
    scene.send(toolEnded(7, id)).facts.filter(({ type }) => type === 'approval_closed');
  expect(of('t1')).toMatchObject([closed('r1', 'approved', 'tool.finished t1')]);
  expect(of('t2')).toMatchObject([closed('r2', 'approved', 'tool.finished t2')]);
});

describe('what only the row of a session keeps', () => {
  const fields = { transcript_path: '/t/a.jsonl', terminal_app: 'tty' };

  it('is noted when it is new, and not again', () => {
    const scene = sessionAfter();
    const received = (n: number, more = {}) =>
      scene
        .send({ ...report(n, 'fields.updated', {}), fields: { ...fields, ...more } })
        .facts.filter(({ type }) => type === 'row_noted');
    expect(received(1)).toMatchObject([{ columns: fields }]);
    expect(received(2)).toEqual([]);
    expect(received(3, { terminal_app: 'other' })).toEqual([
      expect.objectContaining({ columns: { terminal_app: 'other' } }),
    ]);
  });

  it.each(['working', 'permission', 'question'] as const)(
    'of a row that says %s is an open turn with the number of its turns',
    (workStatus) => {
      const scene = sessionAfter([], {}, undefined, { workStatus, turnCount: 3 });
      expect(scene.snapshot().value).toMatchObject({ phase: { active: { turn: 'open' } } });
      expect(scene.snapshot().context.turn).toMatchObject({ id: 'turn-3', count: 3 });
    },
  );

  it.each(['waiting', 'ended'] as const)('of a row that says %s is no open turn', (workStatus) => {
    const scene = sessionAfter([], {}, undefined, { workStatus, turnCount: 3 });
    expect(scene.snapshot().value).not.toMatchObject({ phase: { active: { turn: 'open' } } });
    expect(scene.snapshot().context.turn).toMatchObject({ id: null, count: 3 });
  });

  it('is noted at its birth, with its number of turns', () => {
    const columns = {
      source: 'resume',
      terminal_session_id: 'w0',
      terminal_app: 'tty',
      agent_pid: 7,
      thread_id: 'thread-1',
    };
    const scene = sessionAfter([], columns, undefined, { turnCount: 3 });
    const [born, row] = initialFactsOf(scene.snapshot());
    expect(born?.type).toBe('session_created');
    expect(row).toMatchObject({ type: 'row_noted', columns: { ...columns, turn_count: 3 } });
  });

  it('is nothing at the birth of a session of which nothing is known', () => {
    expect(initialFactsOf(sessionAfter().snapshot())).toMatchObject([
      { type: 'session_created' },
      { type: 'row_noted', columns: {} },
    ]);
    expect(initialFactsOf(sessionAfter().snapshot())[1]).toHaveProperty('columns', {});
  });
});
