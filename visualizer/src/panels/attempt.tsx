/**
 * Tries an event at the cursor without touching the live session: the server runs the chart's pure
 * transition and says where it would lead, what it would record, or why it is refused.
 */
import { signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { DryRun, Json } from '../../../src/protocol/inspect.ts';
import { isOnline, selected, shown } from '../model.ts';
import { triedEvent } from '../route.ts';
import { ask } from '../transport.ts';
import { useAsked } from '../ui/asked.ts';
import { leavesOf } from '../value.ts';
import { Events } from './why.tsx';

const payload = signal('{\n  "type": ""\n}');

export function Attempt() {
  const outcome = useSignal<DryRun | string | null>(null);
  const session = selected.value;
  const seq = shown.value.record?.seq;
  const isReady = isOnline.value && session !== null && seq !== undefined;
  useEffect(() => {
    if (triedEvent.value !== '')
      payload.value = JSON.stringify(templateOf(triedEvent.value), null, 2);
    outcome.value = null;
  }, [triedEvent.value]);
  const run = (): void => {
    const event = parsed(payload.value);
    if (typeof event === 'string' || session === null || seq === undefined) {
      outcome.value = typeof event === 'string' ? event : 'There is no moment to try it at.';
      return;
    }
    ask('dryRun', { session, seq, event }).then(
      (result) => {
        outcome.value = result;
      },
      (error: Error) => {
        outcome.value = error.message;
      },
    );
  };
  return (
    <div class="pane" data-testid="try">
      <p class="hint">
        A dry run: nothing moves, nothing is stored. It starts at the moment shown.
      </p>
      <label class="labelled">
        Event
        <textarea
          id="payload"
          class="code"
          rows={7}
          spellcheck={false}
          value={payload.value}
          onInput={(event) => {
            payload.value = event.currentTarget.value;
          }}
        />
      </label>
      <button type="button" class="button primary" disabled={!isReady} onClick={run}>
        Try it after #{seq ?? '–'}
      </button>
      <div aria-live="polite">{outcome.value !== null && <Outcome outcome={outcome.value} />}</div>
      <Accepted isReady={isReady} />
    </div>
  );
}

function Outcome({ outcome }: { outcome: DryRun | string }) {
  if (typeof outcome === 'string')
    return (
      <p class="banner warn" data-testid="outcome">
        {outcome}
      </p>
    );
  if (!outcome.possible) {
    return (
      <p class="banner warn" data-testid="outcome">
        <b>Refused.</b> {outcome.reason}
      </p>
    );
  }
  return (
    <div class="banner good" data-testid="outcome">
      <p>
        <b>{outcome.changed ? 'Leads to' : 'Stays in'}</b>{' '}
        <span class="code">{leavesOf(outcome.value).join(' · ')}</span>
      </p>
      {outcome.actions.length > 0 && (
        <p>
          Runs <span class="code">{outcome.actions.join(', ')}</span>
        </p>
      )}
      {outcome.facts.length > 0 && (
        <p>
          Would record <span class="code">{outcome.facts.join(', ')}</span>
        </p>
      )}
    </div>
  );
}

function Accepted({ isReady }: { isReady: boolean }) {
  const session = selected.value;
  const seq = shown.value.record?.seq;
  const key = isReady ? `${session} ${seq}` : null;
  const answer = useAsked(key, () => ask('next', { session: session ?? '', ...(seq && { seq }) }));
  const { result, error } = answer.value;
  if (error) return <p class="banner warn">{error.message}</p>;
  return result ? <Events events={result.events} /> : null;
}

/** Every report carries its moment; the rest depends on the event. */
function templateOf(event: string): { [key: string]: Json } {
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

/** The event, or what is wrong with the text. */
function parsed(text: string): { type: string; [key: string]: Json } | string {
  try {
    const event = JSON.parse(text) as { type?: unknown } | null;
    if (
      typeof event !== 'object' ||
      event === null ||
      typeof event.type !== 'string' ||
      event.type === ''
    ) {
      return 'An event is an object with a "type".';
    }
    return event as { type: string; [key: string]: Json };
  } catch (cause) {
    return `This is no JSON: ${(cause as Error).message}`;
  }
}
