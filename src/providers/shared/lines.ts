/**
 * Bytes in, whole lines out. Cuts at the byte 0x0a before anything is decoded, so a character split
 * between two reads stays whole; a line longer than the cap is skipped while it comes in and never held.
 */

/** A line, or what is known of one that was too long. */
export type Line = { text: string } | { tooLong: true; bytes: number; head: string };

/** Takes chunks as they come and gives the lines they complete. */
export interface LineSplitter {
  push(chunk: Buffer): Line[];
}

const NEWLINE = 0x0a;
/** Enough of a line that was skipped to see what it answers. */
const HEAD_BYTES = 256;

/** A splitter that holds at most `capBytes` of an unfinished line. */
export function createLineSplitter(capBytes: number): LineSplitter {
  let parts: Buffer[] = [];
  let bytes = 0;
  let head: string | null = null;

  function take(part: Buffer): void {
    bytes += part.length;
    if (head !== null) return;
    parts.push(part);
    if (bytes <= capBytes) return;
    head = Buffer.concat(parts, Math.min(bytes, HEAD_BYTES)).toString('utf8');
    parts = [];
  }

  function finish(): Line {
    const line: Line =
      head === null
        ? { text: Buffer.concat(parts, bytes).toString('utf8') }
        : { tooLong: true, bytes, head };
    parts = [];
    bytes = 0;
    head = null;
    return line;
  }

  return {
    push(chunk) {
      const lines: Line[] = [];
      let from = 0;
      for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
        take(chunk.subarray(from, to));
        lines.push(finish());
        from = to + 1;
      }
      if (from < chunk.length) take(chunk.subarray(from));
      return lines;
    },
  };
}
