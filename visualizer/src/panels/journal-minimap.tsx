/**
 * The strip: the whole journal of the session from left to right, coloured by phase, with the cursor.
 * Moving to what is not loaded yet loads it. A range input underneath takes keys.
 */

import { history, position, shown } from '../page-state.ts';
import { theme } from '../theme.ts';
import { goFirst, goLive, goTo, isSeeking, step, toggleLive } from '../time-travel.ts';
import { clockWords, count } from '../ui/format.ts';
import { JournalMinimap } from './minimap-canvas.tsx';
import './journal-minimap.css';

/** The strip with its buttons and where one stands. */
export function Timeline() {
  const { first, last, records } = history.value;
  const { record, isLive } = shown.value;
  const behind = isLive ? 0 : last - (position.value ?? last);
  const isEmpty = last === 0;
  return (
    <section
      class={`timeline${isLive ? '' : ' held'}`}
      aria-label="Timeline"
      data-testid="timeline"
    >
      <div class="timeline-row">
        <Steps isEmpty={isEmpty} isLive={isLive} atFirst={record?.seq === first} />
        <span class="timeline-now" data-testid="now">
          {record ? (
            <>
              <b>#{record.seq}</b> <span class="code">{record.event.type}</span>{' '}
              <time class="code">{clockWords(record.at)}</time>
            </>
          ) : (
            <span class="faint">{isSeeking.value ? 'loading…' : 'no events'}</span>
          )}
        </span>
        <span class="timeline-kept" data-testid="behind">
          {isLive
            ? `${count(isEmpty ? 0 : last - first + 1, 'event')} kept`
            : `${behind} behind live`}
        </span>
      </div>
      <div class="strip">
        <JournalMinimap
          key={theme.value}
          known={history.value}
          cursor={record?.seq ?? null}
          isLive={isLive}
        />
        <input
          type="range"
          aria-label="Moment in the journal"
          aria-valuetext={record ? `event ${record.seq}, ${record.event.type}` : 'live'}
          min={first}
          max={Math.max(last, records.at(-1)?.seq ?? 0)}
          value={record?.seq ?? position.value ?? last}
          disabled={isEmpty}
          onInput={(event) => {
            const seq = Number(event.currentTarget.value);
            if (seq >= last) goLive();
            else void goTo(seq);
          }}
        />
      </div>
    </section>
  );
}

function Steps({
  isEmpty,
  isLive,
  atFirst,
}: {
  isEmpty: boolean;
  isLive: boolean;
  atFirst: boolean;
}) {
  return (
    <>
      <button
        type="button"
        class="button square"
        aria-label="First event"
        disabled={isEmpty || atFirst}
        onClick={goFirst}
      >
        «
      </button>
      <button
        type="button"
        class="button square"
        aria-label="Step back"
        disabled={isEmpty || atFirst}
        onClick={() => step(-1)}
      >
        ‹
      </button>
      <button
        type="button"
        class="button square"
        aria-label="Step forward"
        disabled={isLive}
        onClick={() => step(1)}
      >
        ›
      </button>
      <button
        type="button"
        class="button square"
        aria-label="Newest event"
        disabled={isLive}
        onClick={goLive}
      >
        »
      </button>
      <button
        type="button"
        class="button live"
        aria-pressed={isLive}
        disabled={isEmpty}
        onClick={toggleLive}
      >
        <i class="dot" />
        {isLive ? 'Live' : 'Go live'}
      </button>
    </>
  );
}
