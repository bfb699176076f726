/**
 * Everything that waits for a person, across all sessions, one request after the other: the longest wait
 * first, whole, with its decisions. After a decision the next one opens by itself.
 */
import { computed, effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { hello, inboxed } from '../model.ts';
import { openSession, openTab, place } from '../route.ts';
import { type SessionView, talk, talkFailure } from '../session-client.ts';
import { headlineOf, placeOf, titleOf } from '../session-words.ts';
import { Age } from '../ui/now.tsx';
import { VisibleText } from '../ui/visible-text.tsx';
import { count } from '../ui/words.ts';
import { phaseOfRow } from '../value.ts';
import { visibleText } from '../visible.ts';
import { ApprovalCard } from './approval-card.tsx';
import { all, waitingRows } from './sessions.tsx';
import './inbox.css';

/** The one that is shown: the chosen one while it waits, else who waits longest. */
const current = computed<InspectRow | null>(() => {
  const rows = waitingRows.value;
  return rows.find(({ id }) => id === inboxed.value) ?? rows[0] ?? null;
});

/** Keeps the address of who is asked about up to date; called once. */
export function startInbox(): void {
  effect(() => {
    if (place.value === 'inbox') inboxed.value = current.value?.id ?? null;
  });
  const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  const calm = icon?.href;
  const waits = new URL('../../icon-waits.svg', import.meta.url).href;
  effect(() => {
    const rows = waitingRows.value;
    document.title = tabTitle(rows);
    if (icon && calm) icon.href = rows.length > 0 ? waits : calm;
  });
}

/** `(5) Run a command: Move totals to cents`, so that another tab need not be opened to know. */
function tabTitle(rows: readonly InspectRow[]): string {
  const [first] = rows;
  if (!first) return 'OrbitDock';
  return `(${rows.length}) ${headlineOf(first).verb} ${visibleText(titleOf(first))}`;
}

/** Shows the request so many places further down. */
export function stepInbox(by: number): void {
  const rows = waitingRows.peek();
  const at = rows.findIndex(({ id }) => id === current.peek()?.id);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  if (next) inboxed.value = next.id;
}

/** The page "Inbox". */
export function Inbox() {
  const row = current.value;
  if (!row) return <NothingWaits />;
  return (
    <section class="inbox" aria-label="Inbox" data-testid="inbox">
      <Queue shown={row} />
      <div class="inbox-main">
        <Position shown={row} />
        <Request key={row.waiting?.request} row={row} />
      </div>
    </section>
  );
}

function Queue({ shown }: { shown: InspectRow }) {
  return (
    <nav class="inbox-queue" aria-label="Requests">
      <ol aria-label="Waits for you">
        {waitingRows.value.map((row) => (
          <li key={row.id}>
            <button
              type="button"
              aria-current={row.id === shown.id ? 'true' : undefined}
              onClick={() => {
                inboxed.value = row.id;
              }}
            >
              <Summary row={row} />
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Summary({ row }: { row: InspectRow }) {
  const { verb, thing, isCode } = headlineOf(row);
  return (
    <>
      <span class="row-line">
        <b class="row-name">
          <bdi>{visibleText(titleOf(row))}</bdi>
        </b>{' '}
        <span class="row-age text-attention">{row.waiting && <Age at={row.waiting.since} />}</span>
      </span>{' '}
      <span class="row-headline text-attention">
        <b>{verb}</b> <bdi class={isCode ? 'code' : ''}>{visibleText(thing)}</bdi>
      </span>{' '}
      <span class="row-place">
        <bdi>{visibleText(placeOf(row))}</bdi>
        {!row.steered && <span>watched only</span>}
      </span>
    </>
  );
}

function Position({ shown }: { shown: InspectRow }) {
  const rows = waitingRows.value;
  const at = rows.findIndex(({ id }) => id === shown.id);
  return (
    <header class="inbox-head">
      <h1>
        {at + 1} of {rows.length}
      </h1>
      <span class="hint">After your answer the next one opens by itself.</span>
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
    if (isLost && request) pane.current?.querySelector('h2')?.focus();
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
      {talkFailure.value !== null && <p class="banner warn">{talkFailure.value}</p>}
      {session && request && (
        <>
          <ApprovalCard
            key={request.id}
            request={request}
            session={session}
            since={row.waiting?.since ?? null}
          />
          <SaidLast session={session} />
        </>
      )}
      <p class="buttons">
        <button
          type="button"
          class="button"
          onClick={() => {
            openSession(row.id);
            openTab('session');
          }}
        >
          Open session
        </button>
      </p>
    </section>
  );
}

function SaidLast({ session }: { session: SessionView }) {
  const last = session.messages.findLast(({ message_type }) => message_type === 'assistant');
  if (!last) return null;
  return (
    <section class="said-last" aria-label="What it said last">
      <h3>What it said last</h3>
      <p class="wrap" dir="auto">
        <VisibleText text={last.content} />
      </p>
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
    </div>
  );
}
