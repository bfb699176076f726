/**
 * The strip itself: a canvas with the journal's phases as colours and the cursor as a bar. It is painted at
 * most eight times a second while live, because thousands of records come by; at once while scrubbing.
 */
import { useEffect, useRef } from 'preact/hooks';
import type { InspectRecord } from '../../../src/protocol/inspect.ts';
import type { History } from '../loaded-records.ts';
import { leavesOf, type Phase, phaseOf } from '../state-value.ts';

const PAINT_EVERY_MS = 125;

interface Props {
  known: History;
  cursor: number | null;
  isLive: boolean;
}

/** The canvas; repainted when what it is given changes. */
export function JournalMinimap(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(props);
  const painter = useRef<ReturnType<typeof createPainter> | null>(null);
  latest.current = props;
  useEffect(() => {
    if (!canvas.current) return;
    painter.current = createPainter(canvas.current, () => latest.current);
    return painter.current.close;
  }, []);
  const { known, cursor, isLive } = props;
  useEffect(() => painter.current?.changed(), [known, cursor, isLive]);
  return <canvas ref={canvas} />;
}

function createPainter(canvas: HTMLCanvasElement, latest: () => Props) {
  let paintedAt = 0;
  let timer = 0;
  const now = (): void => {
    clearTimeout(timer);
    timer = 0;
    paintedAt = performance.now();
    paint(canvas, latest());
  };
  const observer = new ResizeObserver(now);
  observer.observe(canvas);
  return {
    changed(): void {
      const wait = latest().isLive ? paintedAt + PAINT_EVERY_MS - performance.now() : 0;
      if (wait <= 0) now();
      else if (timer === 0) timer = window.setTimeout(now, wait);
    },
    close(): void {
      clearTimeout(timer);
      observer.disconnect();
    },
  };
}

const COLOURS: Record<Phase, string> = {
  attention: '--attention-dot',
  working: '--work',
  idle: '--idle-dot',
  ended: '--idle-dot',
  failed: '--bad',
};

const phases = new WeakMap<InspectRecord, Phase>();

function phaseAfter(record: InspectRecord): Phase {
  const known = phases.get(record);
  if (known) return known;
  const phase = phaseOf(leavesOf(record.value));
  phases.set(record, phase);
  return phase;
}

function paint(canvas: HTMLCanvasElement, { known, cursor }: Props): void {
  const { first, last } = known;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  const [width, height] = [Math.round(w * ratio), Math.round(h * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext('2d');
  if (!pen || w === 0) return;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, h);
  if (last === 0) return;
  const style = getComputedStyle(canvas);
  const each = w / (last - first + 1);
  pen.fillStyle = style.getPropertyValue('--line');
  pen.fillRect(0, 4, w, h - 8);
  for (const { phase, from, to } of runsOf(known.records)) {
    pen.fillStyle = style.getPropertyValue(COLOURS[phase]);
    pen.fillRect((from - first) * each, 4, (to - from + 1) * each, h - 8);
  }
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

/** Stretches of one phase: one rectangle each. */
function runsOf(records: readonly InspectRecord[]): { phase: Phase; from: number; to: number }[] {
  const runs: { phase: Phase; from: number; to: number }[] = [];
  for (const record of records) {
    const phase = phaseAfter(record);
    const run = runs.at(-1);
    if (run?.phase === phase) run.to = record.seq;
    else runs.push({ phase, from: record.seq, to: record.seq });
  }
  return runs;
}
