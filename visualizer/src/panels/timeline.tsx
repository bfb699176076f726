/**
 * The timeline of a session: its tools, overview and rows, and what waited, failed and ran in words. On a phone the
 * words are in the place of the rows.
 */
import { useSignal } from '@preact/signals';
import type { JournalTimeline } from '../../../src/protocol/inspect.ts';
import { position } from '../page-state.ts';
import { goLive } from '../time-travel.ts';
import { clock, contextWords, outcomeOf, wordsOf } from '../timeline/labels.ts';
import {
  compared,
  lookAt,
  moment,
  play,
  playing,
  SPEEDS,
  setCompared,
  showEvent,
  skipped,
  stepRequest,
  stopPlaying,
  timeline,
  timelineFailure,
  whole,
  zoomTime,
} from '../timeline/timeline-state.ts';
import { now } from '../ui/clock.tsx';
import { ageWords, spanWords } from '../ui/format.ts';
import { isPhone } from '../ui/small-screen.ts';
import { Overview } from './timeline-overview.tsx';
import { Rows } from './timeline-rows.tsx';
import './timeline.css';

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
          : `${clock(held)}, ${ageWords(Math.max(0, now.value - held))} ago. You look at the past.${contextWords(known, held)}`}
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

/** Requests, failures and turns, the newest first: the same for those who do not see the drawing, and on a phone. */
function InWords({ known }: { known: JournalTimeline }) {
  const spans = known.spans
    .filter(({ row, failed }) => row === 'request' || row === 'turn' || failed)
    .toReversed();
  const shownUntil = useSignal(40);
  const list = (
    <ol class="journal-words">
      {spans.slice(0, shownUntil.value).map((span) => (
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
      {spans.length > shownUntil.value && (
        <li>
          <button
            type="button"
            class="button"
            onClick={() => {
              shownUntil.value += 100;
            }}
          >
            Show older ones ({spans.length - shownUntil.value})
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
