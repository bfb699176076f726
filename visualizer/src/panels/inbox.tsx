/**
 * Everything that needs a person, across all sessions, one after the other: requests first, the longest wait
 * first, whole, with their decisions; then what failed and what finished unread. After a decision the next one
 * opens by itself.
 */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { asking, mayNotify, notices, startAlerts } from '../browser-notifications.ts';
import {
  dismiss,
  inboxCurrent,
  inboxRows,
  SNOOZES,
  snooze,
  snoozedCount,
  stepInbox,
  unsnoozeAll,
} from '../inbox-queue.ts';
import { GROUP_WORDS } from '../list-order.ts';
import { hello, inboxed } from '../page-state.ts';
import { openSession, openTab } from '../route.ts';
import { type SessionView, talk, talkFailure } from '../session-client.ts';
import { placeOf, titleOf } from '../session-labels.ts';
import { all } from '../session-list.ts';
import { phaseOfRow } from '../state-value.ts';
import { now } from '../ui/clock.tsx';
import { clockWords, count } from '../ui/format.ts';
import { Markdown } from '../ui/markdown.tsx';
import { VisibleText } from '../ui/visible-text.tsx';
import { ApprovalCard } from './approval-card.tsx';
import { SessionRow } from './session-row.tsx';
import { headlineOfTool } from './tool-card.tsx';
import './inbox.css';

/** The page "Inbox". */
export function Inbox() {
  const row = inboxCurrent.value;
  if (!row) return <NothingWaits />;
  return (
    <section class="inbox" aria-label="Inbox" data-testid="inbox">
      <Queue shown={row} />
      <div class="inbox-main">
        <Position shown={row} />
        <Request key={row.waiting?.request ?? row.id} row={row} />
      </div>
    </section>
  );
}

function Queue({ shown }: { shown: InspectRow }) {
  const parts = ['attention', 'failed', 'finished'] as const;
  return (
    <nav class="inbox-queue" aria-label="Requests">
      {parts.map((part) => {
        const rows = inboxRows.value[part];
        if (rows.length === 0) return null;
        return (
          <section key={part}>
            <h2 class={`group-head group-${part}`}>
              {GROUP_WORDS[part]} <b>{rows.length}</b>
              {part === 'attention' && <span class="group-note">longest first</span>}
            </h2>
            <ol aria-label={GROUP_WORDS[part]}>
              {rows.map((row) => (
                <li key={row.id} class={`phase-${phaseOfRow(row)}`}>
                  <button
                    type="button"
                    aria-current={row.id === shown.id ? 'true' : undefined}
                    onClick={() => {
                      inboxed.value = row.id;
                    }}
                  >
                    <SessionRow row={row} />
                  </button>
                </li>
              ))}
            </ol>
          </section>
        );
      })}
      <Snoozed />
    </nav>
  );
}

/** Says what was put off, and brings it back. */
function Snoozed() {
  if (snoozedCount.value === 0) return null;
  return (
    <p class="snoozed">
      {snoozedCount.value} snoozed{' '}
      <button type="button" class="button" onClick={unsnoozeAll}>
        Show now
      </button>
    </p>
  );
}

function Position({ shown }: { shown: InspectRow }) {
  const { attention, failed, finished } = inboxRows.value;
  const rows = [...attention, ...failed, ...finished];
  const at = rows.findIndex(({ id }) => id === shown.id);
  const isWaiting = at < attention.length;
  return (
    <header class="inbox-head">
      <h1>
        {isWaiting
          ? `${at + 1} of ${attention.length}`
          : GROUP_WORDS[at < attention.length + failed.length ? 'failed' : 'finished']}
      </h1>
      {isWaiting && <span class="hint">After your answer the next one opens by itself.</span>}
      <span class="space" />
      <button
        type="button"
        class="button square"
        aria-label="Previous request"
        disabled={at <= 0}
        onClick={() => stepInbox(-1)}
      >
        ↑
      </button>
      <button
        type="button"
        class="button square"
        aria-label="Next request"
        disabled={at >= rows.length - 1}
        onClick={() => stepInbox(1)}
      >
        ↓
      </button>
    </header>
  );
}

function Request({ row }: { row: InspectRow }) {
  const session = talk.value?.id === row.id ? talk.value : null;
  const request = session?.pending_approval ?? null;
  const pane = useRef<HTMLElement>(null);
  // The one before it is gone, and with it what had the focus: it goes on at this one's question.
  useEffect(() => {
    const isLost = document.activeElement === null || document.activeElement === document.body;
    if (isLost && request) pane.current?.querySelector<HTMLElement>('.approval h2')?.focus();
  }, [request?.id]);
  return (
    <section ref={pane} class="talk-scroll inbox-request" tabIndex={0} aria-label="Request">
      <div class="inbox-about">
        <h2 class="inbox-title">
          <VisibleText text={titleOf(row)} />
        </h2>
        <p class="hint">
          <VisibleText text={placeOf(row)} />
        </p>
      </div>
      <UndoOffer />
      {talkFailure.value !== null && <p class="banner warn">{talkFailure.value}</p>}
      {session && request && (
        <ApprovalCard
          key={request.id}
          request={request}
          session={session}
          since={row.waiting?.since ?? null}
          onSettled={() => {
            asking.value = true;
          }}
        />
      )}
      <Rest row={row} />
      {session && <LastMessage session={session} />}
      {session && <LedHere session={session} />}
    </section>
  );
}

/** What can be done beside deciding: to look closer, to put it off, to have it read. */
function Rest({ row }: { row: InspectRow }) {
  const isSnoozing = useSignal(false);
  const request = row.waiting?.request;
  return (
    <p class="buttons inbox-rest">
      {request === undefined ? (
        <button type="button" class="button primary" onClick={() => dismiss(row)}>
          Done
        </button>
      ) : isSnoozing.value ? (
        SNOOZES.map(({ words, until }) => (
          <button
            key={words}
            type="button"
            class="button"
            onClick={() => snooze(request, until(now.peek()))}
          >
            {words}
          </button>
        ))
      ) : (
        <button
          type="button"
          class="button snooze"
          onClick={() => {
            isSnoozing.value = true;
          }}
        >
          Snooze…
        </button>
      )}
      <button
        type="button"
        class="button open-session"
        onClick={() => {
          openSession(row.id);
          openTab('session');
        }}
      >
        Open session
      </button>
    </p>
  );
}

/** Asked once, after the first answer: whether the browser shall notify about the next request. */
function UndoOffer() {
  if (!asking.value || notices.value.isAsked || !mayNotify()) return null;
  return (
    <p class="banner offer" role="status">
      Shall this browser notify you when something waits?{' '}
      <button type="button" class="button" onClick={() => void startAlerts()}>
        Yes
      </button>
      <button
        type="button"
        class="button"
        onClick={() => {
          notices.value = { ...notices.value, isAsked: true };
        }}
      >
        Not now
      </button>
    </p>
  );
}

function LastMessage({ session }: { session: SessionView }) {
  const last = session.messages.findLast(({ message_type }) => message_type === 'assistant');
  if (!last) return null;
  return (
    <section class="said-last" aria-label="What it said last">
      <h3>What it said last · {clockWords(last.timestamp).slice(0, 5)}</h3>
      <Markdown text={last.content} />
    </section>
  );
}

/** How many of the steps before a request are shown. */
const STEPS = 5;

/** The prompt and the newest steps before the request, one line each. */
function LedHere({ session }: { session: SessionView }) {
  const steps = session.messages
    .filter(({ message_type: type }) => type !== 'assistant' && type !== 'thinking')
    .slice(-STEPS);
  if (steps.length === 0) return null;
  return (
    <section class="said-last" aria-label="What led here">
      <h3>What led here</h3>
      <ol class="led-here">
        {steps.map((message) => {
          const isPerson = message.message_type === 'user' || message.message_type === 'steer';
          return (
            <li key={message.id}>
              <time>{clockWords(message.timestamp).slice(0, 5)}</time>
              <span class="faint">{isPerson ? 'You' : (message.tool_name ?? 'Tool')}</span>
              <bdi class={isPerson ? '' : 'code'}>
                <VisibleText text={isPerson ? message.content : headlineOfTool(message)} />
              </bdi>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function NothingWaits() {
  const working = all.value.filter((row) => phaseOfRow(row) === 'working').length;
  return (
    <div class="empty" data-testid="nothing-waits">
      <h1>Inbox</h1>
      <p>
        {hello.value === null
          ? 'Waiting for the server…'
          : `Nothing waits for you. ${count(working, 'session')} at work.`}
      </p>
      <Snoozed />
    </div>
  );
}
