/**
 * Events of a session's chart that a person may send from the page, to see a live session move. Reports
 * only: a wish goes through the public protocol, where a connector carries it out, and what a link says
 * only its connector knows. Names alone, so that greeting a page loads no schema.
 */
export const HAND_EVENTS = [
  'session.started',
  'session.ended',
  'turn.started',
  'turn.completed',
  'turn.aborted',
  'turn.failed',
  'tool.started',
  'tool.finished',
  'tools.settled',
  'agent.started',
  'agent.finished',
  'approval.requested',
  'approval.resolved',
  'attention.noticed',
  'compaction.started',
  'compaction.finished',
  'undo.started',
  'undo.completed',
  'usage.updated',
  'name.updated',
  'hook.observed',
] as const;

/** One of them. */
export type ManualEventType = (typeof HAND_EVENTS)[number];
