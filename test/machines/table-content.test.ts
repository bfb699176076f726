/** What is told and moves nothing: messages, tokens, papers, names and fields. */
import { describe } from 'vitest';
import { asked, began, messageOf, prompted, report, toolBegan } from './events.ts';
import { changed, delta, listed, noted, type Row, said, shown, testRows } from './rows.ts';

const usage = { input_tokens: 5, output_tokens: 6, cached_tokens: 7, context_window: 200_000 };

const CONTENT: Row[] = [
  [
    'a message is appended and shows in the list',
    [],
    report(1, 'message.added', { message: messageOf('m1', 'assistant', 'hi') }),
    'idle',
    [said({ id: 'm1' }), delta({ last_message: 'hi' })],
  ],
  [
    'a changed message is told by its id',
    [],
    report(1, 'message.changed', { update: { messageId: 'm1', changes: { content: 'hi there' } } }),
    'idle',
    [changed('m1', { content: 'hi there' }), delta({})],
  ],
  [
    'tokens are told as they were counted',
    [],
    report(1, 'usage.updated', { usage }),
    'idle',
    [{ type: 'tokens_updated', usage }],
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
