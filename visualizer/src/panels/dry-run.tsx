/**
 * Tries an event at the cursor without touching the live session: the server runs the chart's pure
 * transition and says where it would lead, what it would record, or why it is refused. A caller that may
 * control sessions can then send it to the live one; the page asks once before it does.
 */
import { signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { DryRun, Json, Sent } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { hello, isOnline, position, selected, selectedRow, shown } from '../page-state.ts';
import { triedEvent } from '../route.ts';
import { leavesOf } from '../state-value.ts';
import { ask } from '../transport.ts';
import { useServerQuery } from '../ui/server-query.ts';
import { templateOf } from './event-templates.ts';
import { Events } from './why.tsx';

type TriedEvent = { type: string; [key: string]: Json };
/** What became of it: a dry run's result, a sent event's, or why neither could be had. */
type Outcome = DryRun | { sent: Sent } | string;

const payload = signal('{\n  "type": ""\n}');
/** Whether this page has said once that it means to touch live sessions. */
const isArmed = signal(false);

/** The tab "Try". */
export function DryRunPanel() {
  const { outcome, run } = useOutcome();
  const session = selected.value ?? '';
  const seq = shown.value.record?.seq;
  const isReady = isOnline.value && session !== '' && seq !== undefined;
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
      <div class="buttons">
        <button
          type="button"
          class="button primary"
          disabled={!isReady}
          onClick={() => run((event) => ask('dryRun', { session, seq: seq ?? 0, event }))}
        >
          Try it after #{seq ?? '–'}
        </button>
        <SendLive
          isReady={isReady}
          onSend={() => run(async (event) => ({ sent: await ask('send', { session, event }) }))}
        />
      </div>
      <div aria-live="polite">
        {outcome.value !== null && <OutcomeView outcome={outcome.value} />}
      </div>
      <Accepted isReady={isReady} />
    </div>
  );
}

/** What became of the payload that was run last; forgotten when another event is to be tried. */
function useOutcome() {
  const outcome = useSignal<Outcome | null>(null);
  useEffect(() => {
    if (triedEvent.value !== '')
      payload.value = JSON.stringify(templateOf(triedEvent.value), null, 2);
    outcome.value = null;
  }, [triedEvent.value]);
  const run = async (asking: (event: TriedEvent) => Promise<Outcome>): Promise<void> => {
    const event = parsed(payload.value);
    if (typeof event === 'string') outcome.value = event;
    else outcome.value = await asking(event).catch((error: Error) => error.message);
  };
  return { outcome, run: (asking: Parameters<typeof run>[0]) => void run(asking) };
}

/** Only for callers with control, only while live: nothing can be sent to a past moment. */
function SendLive({ isReady, onSend }: { isReady: boolean; onSend: () => void }) {
  const isAsking = useSignal(false);
  if (!hello.value?.scopes.includes('control')) return null;
  const isLive = position.value === null;
  if (isAsking.value) {
    return (
      <div class="banner warn" role="alertdialog" aria-label="Send to the live session">
        This moves <b>{visibleText(selectedRow.value?.name ?? 'the session')}</b> and is written to
        its journal with your page as its origin. The agent itself gets nothing of it.
        <div class="buttons">
          <button
            type="button"
            class="button"
            onClick={() => {
              isArmed.value = true;
              isAsking.value = false;
              onSend();
            }}
          >
            Send it
          </button>
          <button
            type="button"
            class="button"
            onClick={() => {
              isAsking.value = false;
            }}
          >
            Do not send
          </button>
        </div>
      </div>
    );
  }
  return (
    <button
      type="button"
      class="button"
      data-testid="send-live"
      disabled={!isReady || !isLive}
      title={isLive ? undefined : 'Go live first: nothing can be sent to a past moment'}
      onClick={() => {
        if (isArmed.value) onSend();
        else isAsking.value = true;
      }}
    >
      Send live…
    </button>
  );
}

function OutcomeView({ outcome }: { outcome: Outcome }) {
  if (typeof outcome === 'string') return <Refusal words={outcome} />;
  if ('sent' in outcome) {
    const { accepted, reason, value } = outcome.sent;
    if (!accepted) return <Refusal title="Sent, and refused by the chart." words={reason ?? ''} />;
    return (
      <p class="banner good" data-testid="outcome">
        <b>Sent.</b> The session is in <span class="code">{leavesOf(value).join(' · ')}</span>
      </p>
    );
  }
  if (!outcome.possible) return <Refusal title="Refused." words={outcome.reason} />;
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

function Refusal({ title, words }: { title?: string; words: string }) {
  return (
    <p class="banner warn" data-testid="outcome">
      {title && <b>{title}</b>} {words}
    </p>
  );
}

function Accepted({ isReady }: { isReady: boolean }) {
  const session = selected.value;
  const seq = shown.value.record?.seq;
  const key = isReady ? `${session} ${seq}` : null;
  const answer = useServerQuery(key, () =>
    ask('next', { session: session ?? '', ...(seq && { seq }) }),
  );
  const { result, error } = answer.value;
  if (error) return <p class="banner warn">{error.message}</p>;
  return result ? <Events events={result.events} /> : null;
}

/** The event, or what is wrong with the text. */
function parsed(text: string): TriedEvent | string {
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
    return event as TriedEvent;
  } catch (cause) {
    return `This is no JSON: ${(cause as Error).message}`;
  }
}
