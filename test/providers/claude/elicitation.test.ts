/** What became of a form of an MCP server, by the two hooks that report it; either may come first. */
import { expect, it } from 'vitest';
import type { Hook } from '../../../src/protocol/hook.ts';
import { eventFromHook } from '../../../src/providers/claude/hooks/events.ts';

const at = '2026-11-29T10:00:00.000000Z';
const keep = () => ({ refusal: 'a test' });

function decisionOf(more: Partial<Hook>) {
  const hook = { session_id: 's', cwd: '/home/dev/shop', ...more } as Hook;
  const event = eventFromHook(hook, { at, key: 'k', keep });
  return event.type === 'approval.resolved' ? event.decision : event.type;
}

it.each([
  ['accept', 'answered'],
  ['decline', 'denied'],
  ['cancel', 'cancelled'],
  ['postpone', 'unknown'],
])('%s is shown as %s', (action, decision) => {
  expect(decisionOf({ hook_event_name: 'ElicitationResult', action })).toBe(decision);
  const message = `Elicitation response for server "calc": ${action}`;
  const notice = { hook_event_name: 'Notification', notification_type: 'elicitation_response' };
  expect(decisionOf({ ...notice, message })).toBe(decision);
});
