/** Unified diffs line by line, with the numbers that their hunks name. Pure. */

/** A line of a diff. `place`: the header of a hunk or a file, and what else is not of the text. */
export interface DiffLine {
  kind: 'add' | 'del' | 'same' | 'place';
  /** In the new file, or in the old one for a line that is gone; null where the hunk does not say. */
  number: number | null;
  text: string;
}

const HUNK = /^@@+ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;
const FILE =
  /^(--- |\+\+\+ |diff --git |index [0-9a-f]|new file mode|deleted file mode|similarity index|rename (from|to) )/;

/** Lines in the order of the diff. Headers of files are left out where a hunk says where they are. */
export function diffLines(text: string): DiffLine[] {
  const lines: DiffLine[] = [];
  let old: number | null = null;
  let fresh: number | null = null;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const hunk = HUNK.exec(line);
    if (hunk) {
      // An edit that is only asked for does not know where it stands: its hunk begins at 0 or at nothing.
      old = Number(hunk[1]) || null;
      fresh = Number(hunk[2]) || null;
      if (lines.length > 0) lines.push({ kind: 'place', number: null, text: '⋯' });
    } else if (FILE.test(line)) {
    } else if (line.startsWith('+')) {
      lines.push({ kind: 'add', number: fresh, text: line.slice(1) });
      fresh = fresh === null ? null : fresh + 1;
    } else if (line.startsWith('-')) {
      lines.push({ kind: 'del', number: old, text: line.slice(1) });
      old = old === null ? null : old + 1;
    } else if (line.startsWith('\\')) {
      lines.push({ kind: 'place', number: null, text: line });
    } else {
      lines.push({ kind: 'same', number: fresh, text: line.slice(1) });
      old = old === null ? null : old + 1;
      fresh = fresh === null ? null : fresh + 1;
    }
  }
  return lines;
}

/** Lines that take each other's place: a run of removed ones, followed by as many added ones. */
export function pairsOf(lines: readonly DiffLine[]): Map<DiffLine, DiffLine> {
  const pairs = new Map<DiffLine, DiffLine>();
  for (let at = 0; at < lines.length; ) {
    const removed = runFrom(lines, at, 'del');
    const added = runFrom(lines, at + removed.length, 'add');
    if (removed.length === added.length) {
      for (const [index, line] of removed.entries()) {
        const other = added[index];
        if (!other) continue;
        pairs.set(line, other);
        pairs.set(other, line);
      }
    }
    at += Math.max(1, removed.length + added.length);
  }
  return pairs;
}

function runFrom(lines: readonly DiffLine[], start: number, kind: DiffLine['kind']): DiffLine[] {
  let end = start;
  while (lines[end]?.kind === kind) end += 1;
  return lines.slice(start, end);
}

/** How many lines a diff adds and takes away. */
export function countsOf(text: string): { added: number; removed: number } {
  const lines = diffLines(text);
  const count = (kind: DiffLine['kind']): number => lines.filter((one) => one.kind === kind).length;
  return { added: count('add'), removed: count('del') };
}

/** Whether a text is a unified diff, as some tools give one as their result. */
export function isDiff(text: string): boolean {
  return /^(@@ |--- |diff --git )/m.test(text.slice(0, 2_000)) && /^[+-]/m.test(text);
}

/** The language of a file, as its extension names it. */
export function languageOf(path: string | null): string {
  return /\.([a-z0-9]+)$/i.exec(path ?? '')?.[1]?.toLowerCase() ?? '';
}
