/**
 * The timeline of a session: overview of the whole journal with the part that is looked at, ruler, and rows of
 * bars of their real length. On a phone the rows give way to what waited and failed, in words.
 */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { JournalTimeline, TimelineSpan } from '../../../src/protocol/inspect.ts';
import { goLive } from '../cursor.ts';
import { position } from '../model.ts';
import { theme } from '../theme.ts';
import { countedIn, ticksOf, timeAt, xOf } from '../timeline/marks.ts';
import {
  heightOf,
  type Painted,
  paintOverview,
  paintRows,
  penOf,
  phaseOfSpan,
  RULER,
  rowsOf,
} from '../timeline/paint.ts';
import {
  compared,
  lookAt,
  moment,
  panTime,
  play,
  playing,
  requestOf,
  SPEEDS,
  setCompared,
  showEvent,
  showMoment,
  skipped,
  stepRequest,
  stopPlaying,
  timeline,
  timelineFailure,
  timeWindow,
  whole,
  zoomTime,
} from '../timeline/store.ts';
import { now } from '../ui/now.tsx';
import { isPhone } from '../ui/screen.ts';
import { ageWords, clockWords, count, spanWords } from '../ui/words.ts';
import { PHASE_WORDS } from '../value.ts';
import { visibleText } from '../visible.ts';
import './journal.css';

const REQUESTS: Record<string, string> = {
  exec: 'Run a command',
  patch: 'Change a file',
  question: 'Asks you',
};

/** What a bar says. */
function wordsOf(span: TimelineSpan): string {
  const { row, text } = span;
  if (row === 'request') {
    const known = requestOf(span);
    const what = known?.command ?? known?.file_path ?? known?.tool_name ?? null;
    const kind = REQUESTS[text] ?? 'Waits for you';
    return visibleText(what === null ? kind : `${kind}: ${what}`);
  }
  if (row === 'state') {
    const phase = phaseOfSpan(span);
    return phase === 'attention' ? 'held by the request' : PHASE_WORDS[phase];
  }
  if (row === 'turn') return `Turn ${turnNumber(span)}${span.failed ? ', failed' : ''}`;
  return visibleText(text);
}

/** Which of the turns that the journal holds it is. */
function turnNumber(span: TimelineSpan): number {
  return (
    (timeline
      .peek()
      ?.spans.filter(({ row }) => row === 'turn')
      .indexOf(span) ?? 0) + 1
  );
}

/** The middle of the page while the timeline is looked at. */
export function Journal() {
  const known = timeline.value;
  if (timelineFailure.value !== null && !known) {
    return <p class="banner warn">The timeline cannot be read: {timelineFailure.value}</p>;
  }
  if (!known) return <p class="empty faint">Loading the timeline…</p>;
  if (known.times.length === 0) return <p class="empty">Nothing has happened yet.</p>;
  return (
    <section class="journal" aria-label="Timeline" data-testid="journal">
      <Tools known={known} />
      <Overview known={known} />
      {!isPhone.value && <Rows known={known} />}
      <InWords known={known} />
    </section>
  );
}

function Tools({ known }: { known: JournalTimeline }) {
  const held = moment.value;
  const requests = known.spans.filter(({ row }) => row === 'request').length;
  const { a, b } = compared.value;
  return (
    <div class="journal-tools">
      <button
        type="button"
        class="button"
        disabled={requests === 0}
        onClick={() => void stepRequest(-1)}
      >
        ‹ Request before
      </button>
      <button
        type="button"
        class="button"
        disabled={requests === 0 || held === null}
        onClick={() => void stepRequest(1)}
      >
        Request after ›
      </button>
      <Player />
      <span class="segments">
        <button type="button" aria-label="Zoom out" onClick={() => zoomTime(2)}>
          −
        </button>
        <button type="button" aria-label="Zoom in" onClick={() => zoomTime(0.5)}>
          +
        </button>
        <button type="button" onClick={() => lookAt(whole.peek())}>
          All
        </button>
      </span>
      <button type="button" class="button" onClick={setCompared}>
        {a !== null && b === null ? 'Set B' : 'Set A'}
      </button>
      {held !== null && (
        <button type="button" class="button to-live" onClick={goLive}>
          Back to live
        </button>
      )}
      <p class="journal-now" role="status">
        {held === null
          ? 'Live'
          : `${clock(held)}, ${ageWords(Math.max(0, now.value - held))} ago. You look at the past.`}
        {playing.value !== null &&
          skipped.value > 0 &&
          ` A pause of ${spanWords(skipped.value)} was skipped.`}
      </p>
    </div>
  );
}

function Player() {
  const speed = useSignal<number>(8);
  return (
    <span class="journal-player">
      <button
        type="button"
        class="button"
        onClick={() => (playing.value === null ? play(speed.value) : stopPlaying())}
      >
        {playing.value === null ? '▶ Play' : 'Stop'}
      </button>
      <select
        aria-label="Speed"
        value={speed.value}
        onChange={(event) => {
          speed.value = Number(event.currentTarget.value);
          if (playing.peek() !== null) play(speed.value);
        }}
      >
        {SPEEDS.map((one) => (
          <option key={one} value={one}>
            {one}×
          </option>
        ))}
      </select>
    </span>
  );
}

/** Redraws a canvas when it or the theme changes. */
function useCanvas(draw: (canvas: HTMLCanvasElement) => void) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    if (!canvas.current) return;
    const element = canvas.current;
    const observer = new ResizeObserver(() => latest.current(element));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (canvas.current) draw(canvas.current);
  });
  return canvas;
}

/** The whole journal, and a slider on it. */
function Overview({ known }: { known: JournalTimeline }) {
  theme.value;
  const all = whole.value;
  const view = timeWindow.value;
  const requests = known.spans.filter(({ row }) => row === 'request').length;
  const canvas = useCanvas((element) => {
    const pen = penOf(element);
    if (!pen) return;
    const marks = paintOverview(pen, known, all);
    element.dataset.counted = String(countedIn(marks));
  });
  const percent = (at: number): string => `${Math.min(100, Math.max(0, xOf(at, all, 100)))}%`;
  const held = moment.value;
  return (
    <div class="journal-overview">
      <p class="journal-total">
        <b class="text-attention">{count(requests, 'request')}</b>
        <span>{count(known.times.length, 'event')}</span>
      </p>
      <div class="journal-strip">
        <canvas ref={canvas} data-testid="overview" />
        <i
          class="journal-brush"
          style={{
            insetInlineStart: percent(view.from),
            width: `${xOf(view.to, all, 100) - xOf(view.from, all, 100)}%`,
          }}
        />
        {held !== null && <i class="journal-held" style={{ insetInlineStart: percent(held) }} />}
        <input
          type="range"
          aria-label="Moment"
          aria-valuetext={held === null ? 'live' : clock(held)}
          min={known.first}
          max={known.last}
          value={position.value ?? known.last}
          onInput={(event) => {
            const seq = Number(event.currentTarget.value);
            if (seq >= known.last) goLive();
            else showEvent(seq);
          }}
          onPointerDown={(event) => {
            // A press is a moment of the time that is drawn, not the number of an event.
            event.preventDefault();
            event.currentTarget.focus();
            const { left, width } = event.currentTarget.getBoundingClientRect();
            showMoment(timeAt(event.clientX - left, all, width));
          }}
        />
        {known.cut && <p class="hint">Before {clock(all.from)} nothing is kept.</p>}
      </div>
    </div>
  );
}

/** What the pointer is over. */
interface Hovered {
  span: TimelineSpan;
  more: number;
  x: number;
  y: number;
}

function Rows({ known }: { known: JournalTimeline }) {
  theme.value;
  const view = timeWindow.value;
  const until = whole.value.to;
  const held = moment.value;
  const rows = rowsOf(known);
  const painted = useRef<Painted[]>([]);
  const hovered = useSignal<Hovered | null>(null);
  const range = useRef<{ from: number; at: number; isRange: boolean } | null>(null);
  const size = useSignal(0);
  const canvas = useCanvas((element) => {
    const pen = penOf(element);
    if (!pen) return;
    if (size.peek() !== pen.width) size.value = pen.width;
    painted.current = paintRows(pen, known, { rows, view, held, until, words: wordsOf });
    const requests = painted.current.find(({ row }) => row.key === 'request');
    element.dataset.counted = String(countedIn(requests?.marks ?? []));
  });
  const momentOf = (event: MouseEvent): number =>
    timeAt(event.offsetX, timeWindow.peek(), (event.currentTarget as HTMLElement).clientWidth);
  const find = ({ offsetX: x, offsetY: y }: MouseEvent): Hovered | null => {
    const line = painted.current.find(({ row }) => y >= row.y - 3 && y <= row.y + row.height + 3);
    const mark = line?.marks.findLast((one) => x >= one.x - 2 && x <= one.x + one.width + 2);
    const span = mark?.spans[0];
    return mark && span ? { span, more: mark.spans.length - 1, x, y } : null;
  };
  const ticks = size.value > 0 ? ticksOf(view, size.value) : [];
  const isShort = view.to - view.from < 120_000;
  return (
    <div class="journal-rows">
      <div class="journal-labels" aria-hidden="true">
        {rows.map(({ key, label, hint, y }) => (
          <p key={key} style={{ top: `${y - 1}px` }}>
            <b class={key === 'request' ? 'text-attention' : ''}>{label}</b>
            {hint !== '' && <span>{hint}</span>}
          </p>
        ))}
      </div>
      <div class="journal-plot">
        <p class="journal-ruler" aria-hidden="true" style={{ height: `${RULER}px` }}>
          {ticks.map((at) => (
            <span key={at} style={{ insetInlineStart: `${xOf(at, view, 100)}%` }}>
              {isShort ? clock(at) : clock(at).slice(0, 5)}
            </span>
          ))}
        </p>
        <canvas
          ref={canvas}
          data-testid="rows"
          role="img"
          aria-label={`${count(rows[0]?.spans.length ?? 0, 'request')} in ${count(known.times.length, 'event')}; the same in words below`}
          style={{ height: `${heightOf(rows)}px` }}
          onWheel={(event) => {
            event.preventDefault();
            if (event.ctrlKey) zoomTime(event.deltaY > 0 ? 1.25 : 0.8, momentOf(event));
            else panTime((event.deltaX + event.deltaY) / 1000);
          }}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            range.current = { from: momentOf(event), at: event.offsetX, isRange: event.shiftKey };
          }}
          onPointerMove={(event) => {
            const drag = range.current;
            if (!drag) hovered.value = find(event);
            else if (!drag.isRange) {
              panTime((drag.at - event.offsetX) / event.currentTarget.clientWidth);
              if (Math.abs(drag.at - event.offsetX) > 2) drag.from = Number.NaN;
              drag.at = event.offsetX;
            }
          }}
          onPointerUp={(event) => {
            const drag = range.current;
            range.current = null;
            if (!drag) return;
            const to = momentOf(event);
            if (drag.isRange && Math.abs(to - drag.from) > 0)
              lookAt({ from: Math.min(drag.from, to), to: Math.max(drag.from, to) });
            else if (!Number.isNaN(drag.from)) {
              const found = find(event);
              if (found) showEvent(found.span.seq);
              else showMoment(to);
            }
          }}
          onPointerLeave={() => {
            hovered.value = null;
          }}
        />
        {hovered.value && <Tip {...hovered.value} width={size.value} />}
      </div>
    </div>
  );
}

function Tip({ span, more, x, y, width }: Hovered & { width: number }) {
  const end = span.to ?? now.value;
  return (
    <div
      class="journal-tip"
      style={{ insetInlineStart: `${Math.max(0, Math.min(x, width - 290))}px`, top: `${y + 18}px` }}
    >
      <b class={span.row === 'request' ? 'text-attention' : ''}>
        {span.row === 'request' ? 'Waited for you ' : ''}
        {spanWords(end - span.from)}
      </b>
      <p>{wordsOf(span)}</p>
      <p class="hint">
        {clock(span.from)} – {span.to === null ? 'now' : clock(span.to)}
        {outcomeOf(span)}
        {more > 0 && ` · and ${more} more here`}
      </p>
    </div>
  );
}

/** How it ended. */
function outcomeOf(span: TimelineSpan): string {
  if (span.failed) return ' · failed';
  const item = requestOf(span);
  if (!item?.decision) return '';
  return ` · ${item.decision.replaceAll('_', ' ')}`;
}

/** Requests, failures and turns, the newest first: the same for those who do not see the drawing, and on a phone. */
function InWords({ known }: { known: JournalTimeline }) {
  const told = known.spans
    .filter(({ row, failed }) => row === 'request' || row === 'turn' || failed)
    .toReversed();
  const shownUntil = useSignal(40);
  const list = (
    <ol class="journal-words">
      {told.slice(0, shownUntil.value).map((span) => (
        <li key={`${span.row} ${span.seq} ${span.id}`}>
          <button
            type="button"
            class={`journal-word ${span.row === 'request' ? 'is-request' : ''} ${span.failed ? 'is-failed' : ''}`}
            aria-current={position.value === span.seq ? 'true' : undefined}
            onClick={() => showEvent(span.seq)}
          >
            <time>{clock(span.from)}</time>
            <span>
              <bdi>{wordsOf(span)}</bdi>
              <small>
                {span.row === 'request' ? 'waited ' : ''}
                {spanWords((span.to ?? now.value) - span.from)}
                {outcomeOf(span)}
              </small>
            </span>
          </button>
        </li>
      ))}
      {told.length > shownUntil.value && (
        <li>
          <button
            type="button"
            class="button"
            onClick={() => {
              shownUntil.value += 100;
            }}
          >
            Show older ones ({told.length - shownUntil.value})
          </button>
        </li>
      )}
    </ol>
  );
  if (isPhone.value) return list;
  return (
    <details class="journal-details">
      <summary>Requests, turns and failures in words</summary>
      {list}
    </details>
  );
}

/** `14:04:24`, in local time. */
function clock(at: number): string {
  return clockWords(new Date(at).toISOString()).slice(0, 8);
}
