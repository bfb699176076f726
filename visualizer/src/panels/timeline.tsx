/**
 * The strip: the whole journal of the session from left to right, coloured by phase, with the cursor.
 * What is not loaded yet is hatched; moving there loads it. A range input underneath takes keys.
 */
import { useEffect, useRef } from 'preact/hooks';
import { goFirst, goLive, goTo, isSeeking, step, toggleLive } from '../cursor.ts';
import type { History } from '../history.ts';
import { history, position, shown } from '../model.ts';
import { theme } from '../theme.ts';
import { clockWords, count } from '../ui/words.ts';
import { leavesOf, type Phase, phaseOf } from '../value.ts';
import './timeline.css';

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
        <Strip key={theme.value} known={history.value} cursor={record?.seq ?? null} />
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

function Strip({ known, cursor }: { known: History; cursor: number | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    paint(element, known, cursor);
    const observer = new ResizeObserver(() => paint(element, known, cursor));
    observer.observe(element);
    return () => observer.disconnect();
  }, [known, cursor]);
  return <canvas ref={canvas} />;
}

const COLOURS: Record<Phase, string> = {
  attention: '--attention-dot',
  working: '--accent',
  idle: '--idle-dot',
  ended: '--over',
  failed: '--bad',
};

function paint(
  canvas: HTMLCanvasElement,
  { records, first, last }: History,
  cursor: number | null,
): void {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(w * ratio);
  canvas.height = Math.round(h * ratio);
  const pen = canvas.getContext('2d');
  if (!pen || w === 0 || last === 0) return;
  const style = getComputedStyle(canvas);
  const each = w / (last - first + 1);
  pen.scale(ratio, ratio);
  pen.fillStyle = style.getPropertyValue('--line');
  pen.fillRect(0, 4, w, h - 8);
  let run: { phase: Phase; from: number; to: number } | null = null;
  const flush = (): void => {
    if (!run) return;
    pen.fillStyle = style.getPropertyValue(COLOURS[run.phase]);
    pen.fillRect((run.from - first) * each, 4, (run.to - run.from + 1) * each, h - 8);
  };
  for (const { seq, value } of records) {
    const phase = phaseOf(leavesOf(value));
    if (run && run.phase === phase) run.to = seq;
    else {
      flush();
      run = { phase, from: seq, to: seq };
    }
  }
  flush();
  if (each >= 5) {
    pen.fillStyle = style.getPropertyValue('--page');
    for (let seq = first + 1; seq <= last; seq += 1)
      pen.fillRect((seq - first) * each - 0.5, 4, 1, h - 8);
  }
  if (cursor !== null) {
    const x = Math.min(w - 2, Math.max(2, (cursor - first + 0.5) * each));
    pen.fillStyle = style.getPropertyValue('--page');
    pen.fillRect(x - 3.5, 0, 7, h);
    pen.fillStyle = style.getPropertyValue('--text');
    pen.fillRect(x - 2, 0, 4, h);
  }
}
