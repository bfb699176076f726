/** Head of a session: what it is, where it works and with what, and what can be done about it as a whole. */
import { useSignal } from '@preact/signals';
import { visibleText } from '../../../src/visible-text.ts';
import { forkSession } from '../all-sessions.ts';
import { isImported } from '../imported-file.ts';
import { agentName } from '../list-order.ts';
import { isOnline, selected, selectedRow } from '../page-state.ts';
import { isUnread } from '../read-marks.ts';
import { isInspectorOpen, openSession, openTab, tab, VIEWS, type View, view } from '../route.ts';
import { interrupt, mayControl, talk } from '../session-client.ts';
import {
  costWords,
  headlineOf,
  isDirect,
  sinceOf,
  titleOf,
  usageWords,
} from '../session-labels.ts';
import { phaseOfRow, stateGroupOf } from '../state-value.ts';
import { Age } from '../ui/clock.tsx';
import { Glyph } from '../ui/glyph.tsx';
import { Eye } from './session-row.tsx';
import './session-head.css';

/** On a desk: two lines above the conversation. */
export function SessionHead() {
  const row = selectedRow.value;
  return (
    <header class="session-head">
      <div class="session-title">
        {row && <Glyph state={stateGroupOf(row, isUnread.value(row))} />}
        <h1>
          <bdi>{visibleText(row ? titleOf(row) : (selected.value ?? ''))}</bdi>
        </h1>
        <Fork />
        <Interrupt />
        <button type="button" class="button" onClick={() => openTab('states')}>
          Chart
        </button>
        <button
          type="button"
          class="button"
          aria-pressed={tab.value === 'timeline'}
          onClick={() => openTab('timeline')}
        >
          Timeline
        </button>
        {tab.value === 'timeline' && (
          <button type="button" class="button" onClick={() => openTab('session')}>
            Conversation
          </button>
        )}
        <button
          type="button"
          class="button"
          aria-pressed={isInspectorOpen.value}
          title="Why it is in this state, and its last hour (\\)"
          onClick={() => {
            isInspectorOpen.value = !isInspectorOpen.value;
          }}
        >
          Now
        </button>
      </div>
      <Facts />
    </header>
  );
}

/** Where it works, with what, and how full the model's context is. */
function Facts() {
  const row = selectedRow.value;
  if (!row) return null;
  const { project, branch, provider, model, context, steered, started_at } = row;
  return (
    <p class="session-facts">
      {project !== null && <b>{visibleText(project)}</b>}
      {branch !== null && <bdi class="branch">{visibleText(branch)}</bdi>}
      <span>
        {agentName(provider)}
        {model !== null && ` · ${visibleText(model)}`}
      </span>
      {context !== null && context !== undefined && (
        <span class="context-used">
          <meter min={0} max={1} value={context} aria-label="Context used" />
          {Math.round(context * 100)} % of context
        </span>
      )}
      <Cost />
      {started_at !== null && (
        <span class="started">
          started <Age at={started_at} /> ago
        </span>
      )}
      {!steered && (
        <span class="watched-only">
          <Eye /> Watched only
        </span>
      )}
      <InTerminal />
    </p>
  );
}

/** What the agent's own tool says it has cost so far, subagents included; nothing where it does not say. */
function Cost() {
  const usage = talk.value?.id === selected.value ? talk.value?.token_usage : undefined;
  if (usage?.cost_usd === undefined) return null;
  return (
    <span class="cost" data-testid="cost" title={usageWords(usage)}>
      {costWords(usage.cost_usd)}
    </span>
  );
}

/** The command that goes on with the session in a terminal, while it runs where terminals can open it. */
function InTerminal() {
  const { engine, resume_command: command } = talk.value ?? {};
  if (engine !== 'shared' || command === undefined) return null;
  return (
    <span class="wrap" data-testid="in-terminal">
      In a terminal: <code class="copyable">{visibleText(command)}</code>{' '}
      <button
        type="button"
        class="button"
        onClick={() => void navigator.clipboard?.writeText(command)}
      >
        Copy the command
      </button>
    </span>
  );
}

/** Copies the session, where its agent can: what both have in common is said once. */
function Fork() {
  const failure = useSignal<string | null>(null);
  const isBusy = useSignal(false);
  const session = talk.value;
  if (session?.provider !== 'codex' || !mayControl.value || isImported(session.id)) return null;
  const fork = async (): Promise<void> => {
    isBusy.value = true;
    failure.value = null;
    const copied = await forkSession(session.id);
    isBusy.value = false;
    if ('id' in copied) openSession(copied.id);
    else failure.value = copied.failure;
  };
  return (
    <>
      {failure.value !== null && (
        <span role="alert" class="text-failed">
          {visibleText(failure.value)}
        </span>
      )}
      <button
        type="button"
        class="button"
        disabled={!isOnline.value || isBusy.value}
        onClick={() => void fork()}
      >
        Fork
      </button>
    </>
  );
}

/** Stops the running turn; asks once, for what was begun may be left half done. */
function Interrupt() {
  const isAsked = useSignal(false);
  const failure = useSignal<string | null>(null);
  const session = talk.value;
  if (!session || !isDirect(session) || !mayControl.value || session.status !== 'active')
    return null;
  const isOpen = ['working', 'permission', 'question'].includes(session.work_status);
  return (
    <>
      {failure.value !== null && (
        <span role="alert" class="text-failed">
          {failure.value}
        </span>
      )}
      <button
        type="button"
        class={isAsked.value ? 'button danger interrupt' : 'button interrupt'}
        disabled={!isOnline.value || !isOpen}
        onBlur={() => {
          isAsked.value = false;
        }}
        onClick={() => {
          isAsked.value = !isAsked.value;
          failure.value = null;
          if (isAsked.value) return;
          void interrupt(session.id).then((words) => {
            failure.value = words;
          });
        }}
      >
        {isAsked.value ? 'Really interrupt?' : 'Interrupt'}
      </button>
    </>
  );
}

const VIEW_WORDS: Record<Exclude<View, 'sessions'>, string> = {
  session: 'Talk',
  now: 'Now',
  states: 'States',
  chart: 'Chart',
  more: 'Timeline',
};

/** On a phone: the way back, what it is and does, and its views. */
export function PhoneHead() {
  const row = selectedRow.value;
  return (
    <header class="phone-head">
      <div class="phone-title">
        <button
          type="button"
          class="button back"
          aria-label="Back to the sessions"
          onClick={() => {
            view.value = 'sessions';
          }}
        >
          ‹
        </button>
        <div class="phone-words">
          <h1>
            <bdi>
              {visibleText(row ? titleOf(row) : (selected.value ?? 'No session is chosen'))}
            </bdi>
          </h1>
          {row && <Status />}
        </div>
        {view.value === 'session' ? <Interrupt /> : <ToRequest />}
      </div>
      <nav class="views" aria-label="Views">
        {VIEWS.map(
          (name) =>
            name !== 'sessions' && (
              <button
                key={name}
                type="button"
                aria-current={view.value === name ? 'page' : undefined}
                onClick={() => openView(name)}
              >
                {VIEW_WORDS[name]}
              </button>
            ),
        )}
      </nav>
    </header>
  );
}

/** The way to an open request from the other views. */
function ToRequest() {
  if (!selectedRow.value?.waiting) return null;
  return (
    <button type="button" class="button answer" onClick={() => openTab('session')}>
      {selectedRow.value.steered && mayControl.value ? 'Answer…' : 'See request'}
    </button>
  );
}

function Status() {
  const row = selectedRow.value;
  if (!row) return null;
  const { verb, thing } = headlineOf(row, isUnread.value(row));
  const since = sinceOf(row);
  return (
    <p class={`phone-status text-${stateGroupOf(row, isUnread.value(row))}`}>
      {phaseOfRow(row) === 'attention' && 'waits '}
      {since !== null && <Age at={since} />} · {verb} <bdi>{visibleText(thing)}</bdi>
    </p>
  );
}

function openView(name: View): void {
  view.value = name;
  if (name === 'session') tab.value = 'session';
  if (name === 'states') tab.value = 'states';
  if (name === 'more' && (tab.peek() === 'session' || tab.peek() === 'states'))
    tab.value = 'timeline';
}
