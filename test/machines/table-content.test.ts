/** What is reported and changes no state: messages, tokens, documents, names and fields. */
import { describe, expect, it } from 'vitest';
import type { SeenFields, SessionEvent } from '../../machines/session-events.ts';
import { draftOf } from '../../machines/steps/step-draft.ts';
import { asked, began, messageOf, prompted, report, stopped, toolBegan } from './events.ts';
import { changed, delta, listed, noted, type Row, said, shown, testRows } from './rows.ts';
import { at, ID, sessionAfter } from './session-after.ts';

const usage = { input_tokens: 5, output_tokens: 6, cached_tokens: 7, context_window: 200_000 };

const NO_TOKENS = { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 };

const CONTENT: Row[] = [
  [
    'a message is appended and shows in the list',
    [],
    report(1, 'message.added', { message: messageOf('m1', 'assistant', 'hi') }),
    'idle',
    [said({ id: 'm1' }), delta({ last_message: 'hi' })],
  ],
  [
    'the first words of another client in the thread name the session',
    [report(1, 'message.added', { message: messageOf('m1', 'assistant', 'hi') })],
    report(2, 'message.added', { message: messageOf('m2', 'user', 'fix it') }),
    'idle',
    [said({ id: 'm2' }), delta({ first_prompt: 'fix it', last_message: 'fix it' })],
  ],
  [
    'a changed message is told by its id',
    [],
    report(1, 'message.changed', { update: { messageId: 'm1', changes: { content: 'hi there' } } }),
    'idle',
    [changed('m1', { content: 'hi there' }), delta({})],
  ],
  [
    'a text that was streamed is whole now: the list quotes it whole',
    [report(1, 'message.added', { message: messageOf('m1', 'assistant', 'hi'), isOpen: true })],
    report(2, 'message.changed', { update: { messageId: 'm1', changes: { content: 'hi there' } } }),
    'idle',
    [changed('m1', { content: 'hi there' }), delta({ last_message: 'hi there' })],
  ],
  [
    'tokens are told as they were counted',
    [],
    report(1, 'usage.updated', { usage }),
    'idle',
    [{ type: 'tokens_updated', usage }],
  ],
  [
    'the cost of an answer of the model is the first that is known',
    [],
    report(1, 'cost.added', { witness: 'telemetry', usd: 0.25 }),
    'idle',
    [{ type: 'tokens_updated', usage: { ...NO_TOKENS, cost_usd: 0.25 } }],
  ],
  [
    'the cost of another one is added to it',
    [report(1, 'cost.added', { witness: 'telemetry', usd: 0.25 })],
    report(2, 'cost.added', { witness: 'telemetry', usd: 0.5 }),
    'idle',
    [{ type: 'tokens_updated', usage: { ...NO_TOKENS, cost_usd: 0.75 } }],
  ],
  [
    'a diff is told and moves nothing',
    [prompted(1)],
    report(2, 'diff.updated', { diff: '+1' }),
    'working',
    [delta({ current_diff: '+1' })],
  ],
  [
    'a plan is told and moves nothing',
    [prompted(1)],
    report(2, 'plan.updated', { plan: '[{}]' }),
    'working',
    [delta({ current_plan: '[{}]' })],
  ],
  [
    'a plan without steps is none',
    [prompted(1)],
    report(2, 'plan.updated', { plan: '[]' }),
    'working',
    [delta({ current_plan: null })],
  ],
  [
    'a name is told to subscribers and to the list',
    [],
    report(1, 'name.updated', { name: 'shop' }),
    'idle',
    [delta({ custom_name: 'shop' }), listed({ custom_name: 'shop' })],
  ],
  [
    'a name while a request is open has the request said again behind the summary',
    [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')],
    report(4, 'name.updated', { name: 'shop' }),
    'permission',
    [delta({ custom_name: 'shop' }), listed({ custom_name: 'shop' }), shown('r1')],
  ],
  [
    'a model and an environment are remembered as well as told',
    [],
    report(1, 'fields.updated', { fields: { model: 'opus', git_branch: 'main' } }),
    'idle',
    [delta({ model: 'opus', git_branch: 'main' })],
  ],
  [
    'fields that did not change are not told',
    [report(1, 'fields.updated', { fields: { model: 'opus' } })],
    report(2, 'fields.updated', { fields: { model: 'opus' } }),
    'idle',
    [],
  ],
  [
    'a session start without a model keeps the model',
    [report(1, 'fields.updated', { fields: { model: 'opus' } })],
    began(2, 'resume'),
    'idle',
    [noted({ source: 'resume' }), delta({})],
  ],
];

describe('content', () => testRows(CONTENT));

/** What clients see of a session's surroundings, and what only its row keeps. */
const SHOWN = {
  permission_mode: 'plan',
  current_cwd: '/home/dev/shop/api',
  model: 'opus',
  effort: 'high',
  engine: 'shared',
  resume_command: 'claude --resume',
  git_branch: 'main',
  git_sha: 'abc123',
  approval_policy: 'never',
  sandbox_mode: 'read-only',
  summary: 'The shop',
} as const satisfies SeenFields;
const KEPT = {
  transcript_path: '/home/dev/t.jsonl',
  terminal_session_id: 'tab-1',
  terminal_app: 'iTerm',
  agent_pid: 7,
} as const satisfies Required<Omit<SeenFields, keyof typeof SHOWN>>;

describe('fields that any report may bring', () => {
  it.each(Object.entries(SHOWN))('%s is sent to subscribers', (name, value) => {
    const scene = sessionAfter();
    const { facts } = scene.send(report(1, 'fields.updated', { fields: { [name]: value } }));
    expect(facts).toMatchObject([delta({ [name]: value })]);
    expect(scene.context().session).toMatchObject({ [name]: value });
  });

  it.each(Object.entries(KEPT))('%s goes into the row of the session alone', (name, value) => {
    const { facts } = sessionAfter().send(
      report(1, 'fields.updated', { fields: { [name]: value } }),
    );
    expect(facts).toEqual([{ ...noted({ [name]: value }), session_id: ID }]);
  });
});

/** They say nothing of what the session does. */
const ASIDES: SessionEvent[] = (
  [
    'process.seen',
    'process.suspended',
    'transcript.read',
    'cost.added',
    'approval.decided',
    'question.answered',
    'waiter.left',
    'words.submitted',
    'words.withdrawn',
    'words.expired',
    'words.lost',
    'words.seen',
    'server.restarted',
  ] as const
).map((type) => ({ type, at: at(9) }) as SessionEvent);

it.each(ASIDES)('$type makes no report about the whole session old', (event) => {
  const { context } = sessionAfter([prompted(1)]).snapshot();
  expect(draftOf(context, event).context.newestAt).toBe(at(1));
});

const read = (n: number, more: object = {}) =>
  report(n, 'transcript.read', { witness: 'transcript', messages: [], behind: null, ...more });
const OPUS = report(1, 'fields.updated', { fields: { model: 'opus' } });
const TALK = [messageOf('m1', 'assistant', 'hi'), messageOf('m2', 'user', 'fix it')];

describe('a transcript', () => {
  testRows([
    [
      'tells each message behind the one before it, and the first words of a person name the session',
      [],
      read(1, { messages: TALK, behind: 'm0' }),
      'idle',
      [
        { ...said({ id: 'm1' }), after: 'm0' },
        { ...said({ id: 'm2' }), after: 'm1' },
        delta({ first_prompt: 'fix it' }),
      ],
    ],
    [
      'tells the title that a session has as its summary',
      [],
      read(1, { title: 'Shop' }),
      'idle',
      [delta({ summary: 'Shop' })],
    ],
    [
      'tells a title that is known to nobody again',
      [read(1, { title: 'Shop' })],
      read(2, { title: 'Shop' }),
      'idle',
      [],
    ],
    [
      'tells the model where none is known, also of a time before the turn',
      [prompted(2)],
      read(1, { model: 'opus' }),
      'working',
      [delta({ model: 'opus' })],
    ],
    [
      'tells the model that the turn changed to',
      [OPUS, prompted(2)],
      read(3, { model: 'haiku' }),
      'working',
      [delta({ model: 'haiku' })],
    ],
    [
      'of a time before the turn does not bring an older model back',
      [OPUS, prompted(3)],
      read(2, { model: 'haiku' }),
      'working',
      [],
    ],
  ]);

  it('shows a compaction that is over: the end of the turn changes nothing of it', () => {
    const scene = sessionAfter([prompted(1), read(2, { compacted: 'c1' })]);
    const { facts } = scene.send(stopped(3));
    expect(facts.filter(({ type }) => type === 'message_updated')).toEqual([]);
  });

  it('is a sign of life by its messages, not by being read', () => {
    const activity = (more: object) => {
      const scene = sessionAfter([], {});
      scene.send(read(5, more));
      return scene.context().session.last_activity_at;
    };
    expect(activity({ messages: TALK.slice(0, 1) })).not.toBe(null);
    expect(activity({})).toBe(null);
  });
});
