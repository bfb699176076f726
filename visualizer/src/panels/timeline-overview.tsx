/** The overview of the timeline: the whole journal, the part that is looked at, and a slider for the moment. */
import type { JournalTimeline } from '../../../src/protocol/inspect.ts';
import { position } from '../page-state.ts';
import { theme } from '../theme.ts';
import { goLive } from '../time-travel.ts';
import { clock } from '../timeline/labels.ts';
import { countedIn, timeAt, xOf } from '../timeline/marks.ts';
import { paintOverview, penOf } from '../timeline/paint.ts';
import { moment, showEvent, showMoment, timeWindow, whole } from '../timeline/timeline-state.ts';
import { useCanvas } from '../ui/canvas.ts';
import { count } from '../ui/format.ts';

/** The whole journal, and a slider on it. */
export function Overview({ known }: { known: JournalTimeline }) {
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
