/** The fold alone: what each frame does to a session, and when something before it is missing. */
import { describe, expect, it } from 'vitest';
import {
  foldList,
  foldSession,
  isoTime,
  KEPT_MESSAGES,
  type ServerFrame,
  type SessionView,
} from '../../src/client/fold.ts';
import type { Message, SessionState, SessionSummary } from '../../src/protocol/nouns.ts';

const session_id = 's';
const usage = { input_tokens: 1, output_tokens: 2, cached_tokens: 3, context_window: 4 };

const summary: SessionSummary = {
  id: session_id,
  provider: 'claude',
  project_path: '/p',
  project_name: 'p',
  model: null,
  status: 'active',
  work_status: 'waiting',
  token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
  has_pending_approval: false,
  started_at: null,
  last_activity_at: null,
};

const { has_pending_approval: _, ...fields } = summary;
const state: SessionState = {
  ...fields,
  messages: [],
  has_older: false,
  message_count: 0,
  pending_approval: null,
  current_diff: null,
  current_plan: null,
  revision: 7,
  epoch: 'e',
  turn_count: 0,
};

const message = (id: string, content = ''): Message => ({
  id,
  session_id,
  message_type: 'assistant',
  content,
  tool_name: null,
  tool_input: null,
  tool_output: null,
  is_error: false,
  timestamp: '2026-11-22T10:00:00.000Z',
  duration_ms: null,
});

/** Folds frames one after another; each must change something. */
function folding(view: SessionView, ...frames: ServerFrame[]): SessionView {
  return frames.reduce((current, frame) => {
    const folded = foldSession(current, frame, false);
    if (folded.kind !== 'changed') throw new Error(`${frame.type}: ${folded.kind}`);
    return folded.view;
  }, view);
}

const delta = (revision: number, changes: object): ServerFrame => ({
  type: 'session_delta',
  session_id,
  changes,
  revision,
});

const kindOf = (frame: ServerFrame, isCatchingUp = false, view: SessionView | null = state) =>
  foldSession(view, frame, isCatchingUp).kind;

describe('folding a session', () => {
  it('shows none where a delta says that plan and diff are empty, as a snapshot does', () => {
    const busy = folding(state, delta(8, { current_plan: '[{}]', current_diff: '+1' }));
    expect(busy).toMatchObject({ current_plan: '[{}]', current_diff: '+1' });
    const over = folding(busy, delta(9, { current_plan: '[]', current_diff: '' }));
    expect(over).toMatchObject({ current_plan: null, current_diff: null });
  });

  it('begins with a snapshot, and takes no fact before it', () => {
    expect(kindOf(delta(8, {}), false, null)).toBe('same');
    const folded = foldSession(null, { type: 'session_snapshot', session: state }, false);
    expect(folded).toEqual({ kind: 'changed', view: state });
  });

  it('leaves what a delta does not name and clears what it names null', () => {
    const named = { ...state, custom_name: 'n', git_branch: 'b' };
    const view = folding(named, delta(8, { custom_name: null, work_status: 'working' }));
    expect(view).toMatchObject({ git_branch: 'b', work_status: 'working', revision: 8 });
    expect(view.custom_name).toBeNull();
    expect(named.custom_name).toBe('n');
  });

  it('reads the seconds of a delta as the ISO time that everything else says', () => {
    expect(folding(state, delta(8, { last_activity_at: '1771700000Z' })).last_activity_at).toBe(
      '2026-02-21T18:53:20.000Z',
    );
    expect(isoTime('2026-02-21T18:53:20.123Z')).toBe('2026-02-21T18:53:20.123Z');
  });

  it('replaces agents by their id', () => {
    const agent = (id: string, more = {}) => ({ id, agent_type: 't', started_at: 'a', ...more });
    const view = folding(
      state,
      delta(8, { subagents: [agent('1'), agent('2')] }),
      delta(9, { subagents: [agent('1', { ended_at: 'b' })] }),
    );
    expect(view.subagents).toEqual([agent('1', { ended_at: 'b' }), agent('2')]);
  });

  it('appends messages once, updates those it has, and misses none that are too old', () => {
    const appended = (revision: number, one: Message): ServerFrame => ({
      type: 'message_appended',
      session_id,
      message: one,
      revision,
    });
    const updated = (revision: number, message_id: string): ServerFrame => ({
      type: 'message_updated',
      session_id,
      message_id,
      changes: { content: 'new' },
      revision,
    });
    const view = folding(state, appended(8, message('a')), appended(9, message('a', 'again')));
    expect(view).toMatchObject({ message_count: 1, messages: [{ content: 'again' }] });
    const later = folding(view, updated(10, 'a'), updated(11, 'older than all we have'));
    expect(later.messages).toEqual([message('a', 'new')]);
    expect(later.revision).toBe(11);
  });

  it('puts a message that is reported late behind the one it names, or by its time', () => {
    const at = (id: string, second: number) => ({
      ...message(id),
      timestamp: `2026-01-01T00:00:0${second}.000Z`,
    });
    const received = (revision: number, one: Message, after?: string | null): ServerFrame => ({
      ...{ type: 'message_appended', session_id, message: one, revision },
      ...(after !== undefined && { after }),
    });
    const { revision } = state;
    const view = folding(
      state,
      received(revision + 1, at('b', 2)),
      received(revision + 2, at('d', 4)),
      received(revision + 3, at('c', 3), 'b'),
      received(revision + 4, at('a', 1), null),
      received(revision + 5, at('e', 3), 'not here'),
    );
    expect(view.messages.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'e', 'd']);
    expect(view.message_count).toBe(5);
  });

  it('keeps the newest messages and counts them all', () => {
    let view: SessionView = state;
    for (let at = 0; at < KEPT_MESSAGES + 5; at++) {
      const one = message(`m${at}`);
      view = folding(view, {
        type: 'message_appended',
        session_id,
        message: one,
        revision: view.revision + 1,
      });
    }
    expect(view.messages).toHaveLength(KEPT_MESSAGES);
    expect(view.messages.at(-1)?.id).toBe(`m${KEPT_MESSAGES + 4}`);
    expect(view.message_count).toBe(KEPT_MESSAGES + 5);
  });

  it('takes requests, tokens, diffs and the end', () => {
    const request = {
      id: 'r',
      session_id,
      type: 'exec',
      command: 'ls',
      file_path: null,
      diff: null,
      question: null,
    } as const;
    const view = folding(
      state,
      { type: 'approval_requested', session_id, request, revision: 8 },
      { type: 'tokens_updated', session_id, usage, revision: 9 },
      { type: 'turn_diff_snapshot', session_id, turn_id: 't', diff: 'd', revision: 10 },
      {
        type: 'turn_diff_snapshot',
        session_id,
        turn_id: 't',
        diff: 'e',
        ...usage,
        revision: 11,
      },
      { type: 'session_ended', session_id, reason: 'over', revision: 12 },
    );
    expect(view).toMatchObject({
      pending_approval: request,
      token_usage: usage,
      turn_diffs: [{ turn_id: 't', diff: 'e', token_usage: usage }],
      status: 'ended',
      work_status: 'ended',
    });
  });

  it('takes comments, as they are made, changed and deleted', () => {
    const comment = (id: string, body: string) => ({
      id,
      session_id,
      file_path: 'a',
      line_start: 1,
      body,
      status: 'open' as const,
      created_at: 'now',
    });
    const created = (revision: number, id: string): ServerFrame => ({
      type: 'review_comment_created',
      session_id,
      comment: comment(id, 'new'),
      revision,
    });
    const view = folding(
      state,
      created(8, 'a'),
      created(9, 'b'),
      { type: 'review_comment_updated', session_id, comment: comment('a', 'other'), revision: 10 },
      { type: 'review_comment_deleted', session_id, comment_id: 'b', revision: 11 },
    );
    expect(view.review_comments).toEqual([comment('a', 'other')]);
  });

  it('moves on with facts it does not know', () => {
    const unknown = { type: 'something_new', session_id, revision: 8 } as unknown as ServerFrame;
    expect(folding(state, unknown)).toEqual({ ...state, revision: 8 });
  });
});

describe('the numbers', () => {
  it('reports a gap, unless it is catching up: rows may leave numbers out', () => {
    expect(kindOf(delta(9, {}))).toBe('gap');
    expect(kindOf(delta(9, {}), true)).toBe('changed');
  });

  it('ignores what it has already, but for a request that is said again', () => {
    expect(kindOf(delta(6, {}))).toBe('same');
    expect(kindOf(delta(7, {}))).toBe('same');
    expect(kindOf(delta(7, {}), true)).toBe('changed');
    const request = { id: 'r', session_id } as never;
    expect(kindOf({ type: 'approval_requested', session_id, request, revision: 7 })).toBe(
      'changed',
    );
    expect(kindOf({ type: 'approval_requested', session_id, request })).toBe('changed');
  });
});

describe('streamed text', () => {
  const streamed = { ...state, messages: [message('m', 'Hel')], message_count: 1 };
  const piece = (offset: number, text: string): ServerFrame => ({
    type: 'message_delta',
    session_id,
    message_id: 'm',
    offset,
    text,
  });

  it('joins at its offset and moves no number', () => {
    const view = folding(streamed, piece(3, 'lo'), piece(5, '!'));
    expect(view.messages[0]?.content).toBe('Hello!');
    expect(view.revision).toBe(7);
  });

  it('takes what it has in part once, and reports what is missing', () => {
    expect(folding(streamed, piece(0, 'Hello')).messages[0]?.content).toBe('Hello');
    expect(kindOf(piece(1, 'el'), false, streamed)).toBe('same');
    expect(kindOf(piece(4, 'o'), false, streamed)).toBe('gap');
  });

  it('takes whole texts without a number too', () => {
    const whole: ServerFrame = {
      type: 'message_updated',
      session_id,
      message_id: 'm',
      changes: { content: 'Hello' },
    };
    expect(folding(streamed, whole)).toMatchObject({
      revision: 7,
      messages: [{ content: 'Hello' }],
    });
  });
});

describe('folding the list', () => {
  const listOf = (...frames: ServerFrame[]) => {
    const list = new Map<string, SessionSummary>();
    const changed = frames.map((frame) => foldList(list, frame));
    return { list, changed };
  };
  const all: ServerFrame = { type: 'sessions_list', sessions: [summary], total: 1 };

  it('is replaced by a list, and changed by what carries no revision', () => {
    const { list } = listOf(
      { type: 'session_created', session: { ...summary, id: 'old' } },
      all,
      { type: 'session_delta', session_id, changes: { work_status: 'working' } },
      { type: 'session_created', session: { ...summary, id: 'new' } },
      { type: 'session_ended', session_id: 'new', reason: 'over' },
    );
    expect([...list.keys()]).toEqual([session_id, 'new']);
    expect(list.get(session_id)?.work_status).toBe('working');
    expect(list.get('new')).toMatchObject({ status: 'ended', work_status: 'ended' });
  });

  it("leaves a session's own facts and unknown sessions alone", () => {
    const { changed, list } = listOf(
      all,
      delta(8, { work_status: 'working' }),
      { type: 'session_ended', session_id, reason: 'over', revision: 9 },
      { type: 'session_delta', session_id: 'stranger', changes: { work_status: 'working' } },
    );
    expect(changed).toEqual([true, false, false, false]);
    expect([...list.values()]).toEqual([summary]);
  });
});
