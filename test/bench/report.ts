/** What a group says: one Markdown table, and for each promise whether it was kept. */

/** A promise: a figure that must not be over its limit. */
export interface Budget {
  value: number;
  /** What it must not be worse than: today's figure with room for a noisy machine. */
  limit: number;
  /** What it is to become; said beside the figure, and fails no run. */
  goal?: number;
}

/** A figure of the README. */
interface Figure {
  what: string;
  /** With its unit. */
  value: string;
}

export interface Row {
  cells: readonly (string | number)[];
  budget?: Budget;
  /** What the README says of it. */
  figure?: Figure | readonly Figure[];
}

export interface Report {
  title: string;
  columns: readonly string[];
  rows: readonly Row[];
  /** What a reader must know to read the table. */
  notes: readonly string[];
}

/**
 * A figure over its limit by less than this is called noise and does not fail the run: medians of CPU
 * time on a shared machine move by some percent, a real regression by more.
 */
const SLACK = 1.1;

/** The report as Markdown. */
export function markdownOf({ title, columns, rows, notes }: Report): string {
  const lines = rows.map(({ cells, budget }) => [...cells.map(text), verdictOf(budget)]);
  const table = [[...columns, 'budget'], columns.map(() => '---').concat('---'), ...lines];
  const body = table.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `## ${title}\n\n${body}\n\n${notes.map((note) => `* ${note}\n`).join('')}`;
}

/** Whether a promise was broken, noise taken off. A figure that could not be measured is broken, too. */
export function isOver({ value, limit }: Budget): boolean {
  return !(value <= limit * SLACK);
}

function verdictOf(budget: Budget | undefined): string {
  if (budget === undefined) return '';
  const { value, limit, goal } = budget;
  const word = isOver(budget) ? '**OVER**' : value <= limit ? 'ok' : 'ok (within noise)';
  const aim =
    goal === undefined ? '' : value <= goal ? `, goal ${goal} met` : `, goal ${goal} missed`;
  return `${text(value)} of ${limit} ${word}${aim}`;
}

/** A figure as tables show it: three digits are as many as it is worth. */
export function text(value: string | number): string {
  if (typeof value === 'string') return value;
  if (Number.isNaN(value)) return '-';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}
