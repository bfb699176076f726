/** The rows of the timeline: a ruler, bars of their real length, and what the pointer is over. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { JournalTimeline, TimelineSpan } from '../../../src/protocol/inspect.ts';
import { theme } from '../theme.ts';
import { clock, outcomeOf, wordsOf } from '../timeline/labels.ts';
import { countedIn, ticksOf, timeAt, xOf } from '../timeline/marks.ts';
import { heightOf, type Painted, paintRows, penOf, RULER, rowsOf } from '../timeline/paint.ts';
import {
  lookAt,
  moment,
  panTime,
  showEvent,
  showMoment,
  timeWindow,
  whole,
  zoomTime,
} from '../timeline/timeline-state.ts';
import { useCanvas } from '../ui/canvas.ts';
import { now } from '../ui/clock.tsx';
import { count, spanWords } from '../ui/format.ts';

/** What the pointer is over. */
interface Hovered {
  span: TimelineSpan;
  more: number;
  x: number;
  y: number;
}

/** Rows and ruler, with pointer and wheel. */
export function Rows({ known }: { known: JournalTimeline }) {
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
