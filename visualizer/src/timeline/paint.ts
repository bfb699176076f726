/** Draws rows of a timeline on a canvas. The colours are those of the page; amber is for what waits, and nothing else. */
import type { JournalTimeline, TimelineSpan } from '../../../src/protocol/inspect.ts';
import { type Phase, phaseOf } from '../state-value.ts';
import { densityOf, type Mark, marksOf, type TimeWindow, ticksOf, xOf } from './marks.ts';

/** Height of the ruler, pixels. */
export const RULER = 24;
const GAP = 9;

/** A row: what it is called, where it is, what it holds. */
export interface Row {
  key: string;
  label: string;
  hint: string;
  y: number;
  height: number;
  spans: readonly TimelineSpan[];
}

/** Kinds of tools, by their names. */
const KINDS: readonly (readonly [string, RegExp])[] = [
  ['Commands', /^(bash|shell|exec|local_shell)/i],
  ['Edit, write', /edit|write|patch/i],
  ['Read, search', /read|grep|glob|search|fetch|list|view/i],
];

/** The rows of a timeline from top to bottom; those without anything in them are left out, but for the first three. */
export function rowsOf({ spans, context, times }: JournalTimeline): Row[] {
  const of = (row: TimelineSpan['row']) => spans.filter((span) => span.row === row);
  const requests = of('request');
  const tools = of('tool');
  const kindOf = ({ text }: TimelineSpan) =>
    KINDS.find(([, names]) => names.test(text))?.[0] ?? 'Other tools';
  const counted = (found: readonly TimelineSpan[]) => {
    const failed = found.filter((span) => span.failed).length;
    return `${found.length}${failed > 0 ? ` · ${failed} failed` : ''}`;
  };
  const rows: Row[] = [];
  let y = RULER + GAP;
  const add = (key: string, label: string, hint: string, height: number, held: TimelineSpan[]) => {
    rows.push({ key, label, hint, y, height, spans: held });
    y += Math.max(height, hint === '' ? 0 : 28) + GAP;
  };
  add('request', 'Waits for you', `${requests.length} in all`, 26, requests);
  add('state', 'Work', '', 18, of('state'));
  add('turn', 'Turns', counted(of('turn')), 18, of('turn'));
  for (const kind of [...KINDS.map(([name]) => name), 'Other tools']) {
    const held = tools.filter((span) => kindOf(span) === kind);
    if (held.length > 0) add(`tool ${kind}`, kind, counted(held), 15, held);
  }
  for (const [row, label] of [
    ['agent', 'Subagents'],
    ['compaction', 'Compaction'],
  ] as const) {
    if (of(row).length > 0) add(row, label, counted(of(row)), 15, of(row));
  }
  add('link', 'Link', '', 14, of('link'));
  if (context.length > 0) add('context', 'Context', shareWords(context), 28, []);
  add('events', 'Events', `${times.length.toLocaleString('en')} in all`, 30, []);
  return rows;
}

function shareWords(context: JournalTimeline['context']): string {
  return `${Math.round((context.at(-1)?.[1] ?? 0) * 100)} %`;
}

/** Height of all rows, pixels. */
export function heightOf(rows: readonly Row[]): number {
  const last = rows.at(-1);
  return last ? last.y + Math.max(last.height, 28) + GAP : RULER;
}

/** What is drawn where: for the pointer. */
export interface Painted {
  row: Row;
  marks: Mark[];
}

/** Marks of a row in a window. */
function paintedRow(row: Row, view: TimeWindow, width: number, until: number): Painted {
  const least = row.key === 'request' ? 4 : 1;
  return { row, marks: marksOf(row.spans, view, { width, least, until }) };
}

/** Phase of a state span. */
export function phaseOfSpan({ text }: TimelineSpan): Phase {
  return phaseOf(text.split(' '));
}

const STATE_COLOURS: Record<Phase, string> = {
  attention: '--work-soft',
  working: '--work',
  idle: '--tag',
  ended: '--line',
  failed: '--bad',
};

/** A canvas at the resolution of the screen, empty. */
export function penOf(canvas: HTMLCanvasElement) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const size = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
  if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
  const pen = canvas.getContext('2d');
  if (!pen || width === 0) return null;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const colour = (name: string): string => style.getPropertyValue(name);
  pen.font = `12px ${style.fontFamily}`;
  pen.textBaseline = 'middle';
  return { pen, width, height, colour };
}

type Pen = NonNullable<ReturnType<typeof penOf>>;

/** The overview: all requests, work and density of the whole journal. */
export function paintOverview(pen: Pen, known: JournalTimeline, all: TimeWindow): Mark[] {
  const { pen: draw, width, colour } = pen;
  const options = { width, until: all.to };
  const states = known.spans.filter(({ row }) => row === 'state');
  for (const { x, width: wide, spans } of marksOf(states, all, { ...options, least: 1 })) {
    const phase = spans.length === 1 && spans[0] ? phaseOfSpan(spans[0]) : 'working';
    draw.fillStyle = colour(STATE_COLOURS[phase]);
    draw.fillRect(x, 16, Math.max(1, wide), 12);
  }
  const counts = densityOf(known.times, all, Math.max(1, Math.floor(width / 3)));
  const most = Math.max(1, ...counts);
  draw.fillStyle = colour('--idle-dot');
  for (const [at, count] of counts.entries()) {
    const high = Math.ceil((count / most) * 14);
    draw.fillRect(at * 3, 46 - high, 2, high);
  }
  const requests = known.spans.filter(({ row }) => row === 'request');
  const marks = marksOf(requests, all, { ...options, least: 3 });
  draw.fillStyle = colour('--attention-dot');
  for (const { x, width: wide } of marks) draw.fillRect(x, 0, Math.max(3, wide - 1), 13);
  return marks;
}

/** Ruler and rows of a window. @param words what is on a bar, where there is room */
export function paintRows(
  pen: Pen,
  known: JournalTimeline,
  {
    rows,
    view,
    held,
    until,
    words,
  }: {
    rows: readonly Row[];
    view: TimeWindow;
    held: number | null;
    until: number;
    words: (span: TimelineSpan) => string;
  },
): Painted[] {
  const { pen: draw, width, height, colour } = pen;
  draw.fillStyle = colour('--line');
  for (const at of ticksOf(view, width))
    draw.fillRect(Math.round(xOf(at, view, width)), RULER, 1, height);
  const painted = rows.map((row) => paintedRow(row, view, width, until));
  for (const { row, marks } of painted) {
    if (row.key === 'events') paintEvents(pen, known, view, row);
    else if (row.key === 'context') paintContext(pen, known, view, row);
    for (const mark of marks) paintMark(pen, row, mark, words);
  }
  if (held !== null) {
    draw.fillStyle = colour('--past');
    draw.fillRect(xOf(held, view, width) - 1, RULER, 2, height);
  }
  return painted;
}

function paintMark(
  { pen, width, colour }: Pen,
  row: Row,
  mark: Mark,
  words: (span: TimelineSpan) => string,
): void {
  const [span] = mark.spans;
  if (!span) return;
  const x = Math.max(-2, mark.x);
  const wide = Math.min(width + 2, mark.x + mark.width) - x;
  const gap = wide > 3 && row.key !== 'state' && row.key !== 'link' ? 1 : 0;
  const [fill, ink] = coloursOf(row, mark);
  pen.fillStyle = colour(fill);
  pen.beginPath();
  pen.roundRect(x, row.y, wide - gap, row.height, wide > 8 ? 3 : 0);
  pen.fill();
  if (row.key === 'turn') {
    pen.strokeStyle = colour('--line-strong');
    pen.stroke();
  }
  const text = mark.spans.length > 1 ? String(mark.spans.length) : words(span);
  if (wide < 22 || text === '' || row.key.startsWith('tool')) return;
  pen.save();
  pen.clip();
  pen.fillStyle = colour(ink);
  pen.fillText(text, x + 6, row.y + row.height / 2 + 0.5);
  pen.restore();
}

function coloursOf({ key }: Row, { spans, isFailed }: Mark): [fill: string, ink: string] {
  if (key === 'request') return ['--attention-dot', '--glyph-mark'];
  if (isFailed) return ['--bad', '--on-accent'];
  if (key === 'turn') return ['--page', '--text'];
  if (key === 'link') {
    return spans.some(({ text }) => text === 'failed')
      ? ['--bad', '--on-accent']
      : ['--tag', '--text'];
  }
  if (key === 'agent' || key === 'compaction') return ['--tag', '--text'];
  if (key !== 'state') return ['--idle-dot', '--on-accent'];
  // States that are shorter than a pixel lie on each other: what most of them were is said.
  const phases = spans.map(phaseOfSpan);
  const phase = phases.find((one) => one === 'failed') ?? phases[0] ?? 'idle';
  const inks = { attention: '--work-text', working: '--on-accent', failed: '--on-accent' };
  return [STATE_COLOURS[phase], phase in inks ? inks[phase as 'working'] : '--text'];
}

function paintEvents(
  { pen, width, colour }: Pen,
  { times }: JournalTimeline,
  view: TimeWindow,
  row: Row,
): void {
  const counts = densityOf(times, view, Math.max(1, Math.floor(width / 3)));
  const most = Math.max(1, ...counts);
  pen.fillStyle = colour('--idle-dot');
  for (const [at, count] of counts.entries()) {
    const high = Math.ceil((count / most) * row.height);
    pen.fillRect(at * 3, row.y + row.height - high, 2, high);
  }
}

function paintContext(
  { pen, width, colour }: Pen,
  { context }: JournalTimeline,
  view: TimeWindow,
  row: Row,
): void {
  pen.strokeStyle = colour('--muted');
  pen.lineWidth = 1.5;
  pen.beginPath();
  let y = row.y + row.height;
  for (const [index, [at, share]] of context.entries()) {
    const x = xOf(at, view, width);
    if (index === 0) pen.moveTo(x, row.y + row.height * (1 - share));
    else pen.lineTo(x, y);
    y = row.y + row.height * (1 - share);
    pen.lineTo(x, y);
  }
  pen.lineTo(width, y);
  pen.stroke();
}
