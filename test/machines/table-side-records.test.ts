/** What goes on beside the conversation moves nothing, in any state; and what a first prompt names. */
import { describe, expect, it } from 'vitest';
import { messageOf, over, prompted, report } from './events.ts';
import { changed, delta, type Row, said, testRows } from './rows.ts';
import { ID, sessionAfter } from './session-after.ts';

const comment = {
  id: 'rc-1',
  session_id: ID,
  file_path: 'a.ts',
  line_start: 1,
  body: 'why?',
  status: 'open',
  created_at: '2026-01-01T00:00:00.000Z',
} as const;
const command = { ...messageOf('sh-1', 'shell', 'make'), is_in_progress: true };
const output = {
  stdout: 'ok',
  stderr: '',
  exit_code: 0,
  duration_ms: 5,
  outcome: 'finished',
} as const;
const update = { messageId: 'sh-1', changes: { tool_output: 'ok', is_in_progress: false } };

const ENDED = [prompted(1), over(2)];

const ASIDES: Row[] = [
  [
    'a comment is told and stored, and is no sign of life',
    [prompted(1)],
    report(2, 'comment.created', { comment }),
    'working',
    [{ type: 'review_comment_created', session_id: ID, comment }],
  ],
  [
    'a comment about an ended session changes',
    ENDED,
    report(3, 'comment.updated', { comment }),
    'ended',
    [{ type: 'review_comment_updated', comment }],
  ],
  [
    'a comment goes',
    ENDED,
    report(3, 'comment.deleted', { commentId: 'rc-1' }),
    'ended',
    [{ type: 'review_comment_deleted', comment_id: 'rc-1' }],
  ],
  [
    'a settled request leaves the history without a word to subscribers',
    [],
    report(1, 'approval.forgotten', { approvalId: 7 }),
    'idle',
    [{ type: 'approval_forgotten', approval_id: 7 }],
  ],
  [
    'a command is announced and shown, and is not the work of the session',
    [],
    report(1, 'shell.started', { message: command }),
    'idle',
    [
      { type: 'shell_started', request_id: 'sh-1', command: 'make' },
      said({ id: 'sh-1', is_in_progress: true }),
      delta({}),
    ],
  ],
  [
    'the end of a command changes its message, and its output is told',
    ENDED,
    report(3, 'shell.finished', { update, output }),
    'ended',
    [
      changed('sh-1', { tool_output: 'ok' }),
      { type: 'shell_output', request_id: 'sh-1', ...output },
      delta({}),
    ],
  ],
];

describe('asides', () => testRows(ASIDES));

describe('the first prompt', () => {
  const named = (prompt: string) =>
    sessionAfter([prompted(1, prompt)]).context().session.first_prompt;

  it('names the session in one line', () => {
    expect(named('  fix\n\tthe   cart ')).toBe('fix the cart');
  });

  it('stays: no later one takes its place', () => {
    const scene = sessionAfter([
      prompted(1, ' \n '),
      prompted(2, 'fix it'),
      prompted(3, 'and that'),
    ]);
    expect(scene.context().session.first_prompt).toBe('fix it');
  });
});
