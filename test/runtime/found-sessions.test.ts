/** What reports of watched files and processes mean to sessions. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { snapshotFrom, takeStep } from '../../machines/step.ts';
import {
  eventOfEnd,
  eventOfFile,
  eventOfLeaving,
  eventOfState,
  eventOfSuspension,
  findOwner,
  type ReportOf,
  sessionOfFile,
  sessionOfState,
} from '../../src/runtime/found-sessions.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import { newSession } from '../machines/session-after.ts';

const AT = '2026-03-01T12:00:00.123456Z';
const AT_MS = '2026-03-01T12:00:00.123Z';
const EARLIER = Date.parse('2026-03-01T11:00:00.000Z');
const LATER = Date.parse('2026-03-01T13:00:00.000Z');
const NO_TOKENS = { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 };

const found = (more: Partial<ReportOf<'session.found'>> = {}): ReportOf<'session.found'> => ({
  ...{ witness: 'transcript', what: 'session.found', sessionId: 's', stamp: 1, key: 'k' },
  ...{ path: '/files/s.jsonl', cwd: '/home/dev/shop', originator: null, version: null },
  ...{ branch: null, commit: null, forkedFrom: null, name: null, isBack: false, startedAt: 0 },
  ...more,
});

const state = (more: Partial<ReportOf<'session.state'>> = {}): ReportOf<'session.state'> => ({
  ...{ witness: 'registry', what: 'session.state', sessionId: 's', stamp: 1700.9, key: 'k' },
  ...{ state: 'idle', asks: null, words: 'idle', cwd: '/home/dev/shop', name: null },
  ...{ version: null, kind: null, entrypoint: null, startedAt: null },
  ...more,
});

/** A live session of which a file is known, after these events. */
function live(more: Parameters<typeof newSession>[0] = {}, ...events: SessionEvent[]): LiveSession {
  const session = newSession({ transcript_path: '/files/s.jsonl', ...more });
  let snapshot = snapshotFrom({ session, isNew: false, turnCount: 0 });
  for (const event of events) snapshot = takeStep(snapshot, event).snapshot;
  const head = { snapshot, tail: 0, initialFacts: [], base: null };
  return { id: session.id, head, actor: null, inFlight: 0, waiting: [], usedAtMs: 0 };
}

const over: SessionEvent = { type: 'session.ended', at: AT, reason: 'other' };

describe('a conversation', () => {
  const owner = (bound: string | null, stored: string | null) =>
    findOwner(
      {
        threads: { sessionOf: () => bound },
        writer: { read: async () => (stored && { sessionId: stored }) as never },
      },
      'thread',
    );

  it('belongs to the session that a connector steers it for, else to the one that steered it, else to its own', async () => {
    expect(await owner('bound', 'stored')).toBe('bound');
    expect(await owner(null, 'stored')).toBe('stored');
    expect(await owner(null, null)).toBe('thread');
  });
});

describe('a session that a file shows', () => {
  it('is called like its directory, and nothing more is known of it at first', () => {
    expect(sessionOfFile(found(), { provider: 'codex', at: AT })).toEqual({
      ...{ id: 's', provider: 'codex', integration_mode: 'passive' },
      ...{ project_path: '/home/dev/shop', project_name: 'shop', current_cwd: '/home/dev/shop' },
      ...{ transcript_path: '/files/s.jsonl', model: null, token_usage: NO_TOKENS },
      ...{ started_at: AT_MS, last_activity_at: AT_MS },
    });
  });

  it('has the name, branch, commit, program and origin that the file names', () => {
    const named = found({
      ...{ name: 'mine', branch: 'main', commit: 'abc', originator: 'cli', forkedFrom: 'before' },
    });
    expect(sessionOfFile(named, { provider: 'codex', at: AT })).toMatchObject({
      ...{ custom_name: 'mine', git_branch: 'main', git_sha: 'abc', source: 'cli' },
      forked_from_session_id: 'before',
    });
  });

  it('began when the file says, but never after it was seen', () => {
    const began = (startedAt: number) => {
      const session = sessionOfFile(found({ startedAt }), { provider: 'codex', at: AT });
      expect(session.last_activity_at).toBe(session.started_at);
      return session.started_at;
    };
    expect([began(EARLIER), began(LATER), began(0), began(1)]).toEqual([
      ...['2026-03-01T11:00:00.000Z', AT_MS, AT_MS, '1970-01-01T00:00:00.001Z'],
    ]);
  });

  it('of the root directory has no name', () => {
    const { project_name } = sessionOfFile(found({ cwd: '/' }), { provider: 'codex', at: AT });
    expect(project_name).toBe(null);
  });
});

describe('a report about a file', () => {
  const eventOf = (more: Partial<ReportOf<'session.found'>>, known: LiveSession | null) =>
    eventOfFile(found(more), { at: AT, live: known });

  it('begins a session that is new, when the file began', () => {
    const begun = { type: 'session.started', witness: 'transcript', source: 'file' };
    expect(eventOf({ startedAt: EARLIER }, null)).toEqual({
      ...{ ...begun, at: '2026-03-01T11:00:00.000000Z' },
    });
    expect(eventOf({ startedAt: LATER }, null)).toEqual({ ...begun, at: AT });
    expect(eventOf({ originator: 'cli' }, null)).toEqual({ ...begun, at: AT, source: 'cli' });
  });

  it('says nothing new of the file that is known', () => {
    expect(eventOf({}, live())).toBe(null);
    expect(eventOf({ isBack: true }, live())).toBe(null);
  });

  it('names another file', () => {
    const fields = { transcript_path: '/files/other.jsonl' };
    expect(eventOf({ path: '/files/other.jsonl' }, live())).toEqual({
      ...{ type: 'fields.updated', at: AT, witness: 'transcript', fields },
    });
  });

  it('brings back a session that was over, when a process has taken it up again', () => {
    expect(eventOf({ isBack: true }, live({}, over))).toEqual({
      ...{ type: 'session.started', at: AT, witness: 'transcript', source: 'file' },
      fields: { transcript_path: '/files/s.jsonl' },
    });
    expect(eventOf({ isBack: false }, live({}, over))).toBe(null);
  });

  it('says nothing of a session that we steer', () => {
    const steered = live({ integration_mode: 'direct', provider: 'codex' });
    expect(eventOf({ path: '/files/other.jsonl' }, steered)).toBe(null);
  });
});

describe('a session that the live registry shows', () => {
  it('is called like its directory, and active now', () => {
    expect(sessionOfState(state({ startedAt: EARLIER }), { provider: 'claude', at: AT })).toEqual({
      ...{ id: 's', provider: 'claude', project_path: '/home/dev/shop', project_name: 'shop' },
      ...{ model: null, token_usage: NO_TOKENS },
      ...{ started_at: '2026-03-01T11:00:00.000Z', last_activity_at: AT_MS },
    });
  });

  it('began now where nothing says when, and never after now', () => {
    const began = (startedAt: number | null) =>
      sessionOfState(state({ startedAt }), { provider: 'claude', at: AT }).started_at;
    expect([began(null), began(LATER)]).toEqual([AT_MS, AT_MS]);
  });

  it('is somewhere unknown where nothing says where', () => {
    const { project_path } = sessionOfState(state({ cwd: null }), { provider: 'claude', at: AT });
    expect(project_path).toBe('/unknown');
  });
});

describe('what the live registry says', () => {
  const when = { at: AT, since: AT };

  it('is that a session is idle, busy, or waits', () => {
    const types = (['idle', 'working', 'waiting'] as const).map(
      (word) => eventOfState(state({ state: word }), when).type,
    );
    expect(types).toEqual(['witness.idle', 'witness.busy', 'witness.waiting']);
    expect(eventOfState(state(), when)).toEqual({
      ...{ type: 'witness.idle', at: AT, since: AT, witness: 'registry' },
    });
  });

  it('does not name what a session waits for: it stands in its terminal', () => {
    const words = 'It waits for you in its terminal';
    const blank = { command: null, file_path: null, diff: null, question: null };
    const request = { id: 's:waiting:1700', session_id: 's', ...blank };
    expect(eventOfState(state({ state: 'waiting' }), when)).toMatchObject({
      ...{ kind: 'permission', request: { ...request, type: 'exec', command: words } },
    });
    expect(eventOfState(state({ state: 'waiting', asks: 'question' }), when)).toMatchObject({
      ...{ kind: 'question', request: { ...request, type: 'question', question: words } },
    });
  });
});

describe('a process', () => {
  const origin = { witness: 'process', sessionId: 's', stamp: 1, key: 'k' } as const;

  it('that is gone ends its session, with words where there are some', () => {
    const gone = { ...origin, what: 'process.gone', reason: 'killed', pids: [7] } as const;
    const event = { type: 'process.gone', at: AT, witness: 'process', reason: 'killed' };
    expect(eventOfEnd({ ...gone, pids: [7] }, AT)).toEqual(event);
    expect(eventOfEnd({ ...gone, pids: [7], words: 'by hand' }, AT)).toEqual({
      ...{ ...event, words: 'by hand' },
    });
  });

  it('that is stopped suspends its session', () => {
    const report = { ...origin, what: 'process.suspended', suspended: true, pids: [7] } as const;
    expect(eventOfSuspension({ ...report, pids: [7] }, AT)).toEqual({
      ...{ type: 'process.suspended', at: AT, witness: 'process', suspended: true },
    });
  });

  it('that goes on with another session has left this one', () => {
    const report = { ...origin, what: 'session.continued', from: 'r', pid: 7 } as const;
    expect(eventOfLeaving(report, AT)).toEqual({
      ...{ type: 'process.left', at: AT, witness: 'process', reason: 'clear', process: 7 },
    });
  });
});
