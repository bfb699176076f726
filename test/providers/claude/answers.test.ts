/** What a hook that waits prints for a client's decision. */
import { expect, it } from 'vitest';
import type { ConnectorCommand } from '../../../machines/session-facts.ts';
import type { Hook } from '../../../src/protocol/hook.ts';
import { answerOf } from '../../../src/providers/claude/hooks/answers.ts';

/** The decision that the CLI reads. */
function decisionOf(tool_name: string, tool_input: unknown, order: object): unknown {
  const hook = { session_id: 's', hook_event_name: 'PermissionRequest', tool_name, tool_input };
  const answer = answerOf(hook as Hook, { requestId: 'r', ...order } as ConnectorCommand);
  if (!('text' in answer)) return answer;
  return JSON.parse(answer.text).hookSpecificOutput.decision;
}

it.each([
  ['approved', { type: 'approval.answer', decision: 'approved' }],
  ['consented to in words', { type: 'question.answer', answers: {}, text: 'Yes' }],
])('a plan that is %s gives its input back: without it the dialog stays open', (_, order) => {
  const plan = { plan: 'Build a barn' };
  expect(decisionOf('ExitPlanMode', plan, order)).toEqual({
    behavior: 'allow',
    updatedInput: plan,
  });
  // Newer versions keep the plan in a file and name no input.
  expect(decisionOf('ExitPlanMode', {}, order)).toEqual({ behavior: 'allow', updatedInput: {} });
});

it('a tool that is approved keeps its input without our help', () => {
  const order = { type: 'approval.answer', decision: 'approved' };
  expect(decisionOf('Bash', { command: 'ls' }, order)).toEqual({ behavior: 'allow' });
});
