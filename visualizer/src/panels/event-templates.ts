/** What an event looks like before it is filled in: enough for a step to read it. Pure. */
import type { Json } from '../../../src/protocol/inspect.ts';

/** Every report carries its moment; the rest depends on the event. */
export function templateOf(event: string): { [key: string]: Json } {
  const type = event.endsWith('*') ? event.replace('*', 'added') : event;
  return { type, at: new Date().toISOString().replace('Z', '000Z'), ...FIELDS[type] };
}

const TOOL = { toolUseId: 'tool-1', agentId: null, name: 'Bash', digest: '' };

/** Fields without which a step could not read its event. */
const FIELDS: Record<string, { [key: string]: Json }> = {
  'session.started': { source: 'startup' },
  'session.ended': { reason: 'other' },
  'turn.started': { promptId: null, prompt: null },
  'turn.completed': { backgroundAgents: null },
  'turn.aborted': { reason: 'interrupted' },
  'turn.failed': { error: 'it failed' },
  'tool.started': { tool: TOOL, agentType: null },
  'tool.finished': { tool: TOOL, agentType: null, outcome: 'succeeded', launched: null },
  'tools.settled': { tools: [TOOL] },
  'agent.started': { agentId: 'agent-1', agentType: 'general' },
  'agent.finished': { agentId: 'agent-1', agentType: 'general' },
  'approval.requested': {
    request: {
      id: 'request-1',
      session_id: '',
      type: 'exec',
      command: 'ls',
      file_path: null,
      diff: null,
      question: null,
    },
    tool: null,
    toolUseId: null,
    server: null,
  },
  'approval.resolved': { requestId: null, server: null, decision: 'approved' },
  'approval.decided': { requestId: '', decision: 'approved', order: { type: 'turn.stop' } },
  'question.answered': { requestId: '', order: { type: 'turn.stop' } },
  'link.attached': { capabilities: ['turn.run', 'turn.stop'] },
  'link.lost': { reason: 'closed' },
  'link.failed': { reason: 'closed' },
  'hook.observed': { hook: 'Notification' },
};
