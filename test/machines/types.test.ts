/** An action or a guard that is bound to an event that it cannot take does not compile; tsc checks this file. */
import { expect, it } from 'vitest';
import { on } from '../../machines/session-setup.ts';

it('refuses wrong bindings when the chart is compiled', () => {
  const wrong = [
    // @ts-expect-error a prompt does not complete an undo
    on('turn.started', { actions: { type: 'completeUndo', params: 'ends' } }),
    // @ts-expect-error a tool report says nothing of the end of a session
    on('tool.started', { guard: 'isEndOfSession', actions: 'updateFields' }),
    // @ts-expect-error a step gets what the edge says of the turn, and only that
    on('turn.started', { actions: { type: 'startTurn', params: 'sometimes' } }),
  ];
  expect(wrong).toHaveLength(3);
});

it('takes the right ones', () => {
  const right = on('turn.started', {
    guard: 'isNewPrompt',
    target: 'open',
    actions: { type: 'startTurn', params: 'begins' },
  });
  expect(Object.keys(right)).toEqual(['turn.started']);
});
