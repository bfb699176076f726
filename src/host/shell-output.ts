/**
 * What a command writes into one pipe: its beginning and its end are kept, whatever is between, and the
 * newest of it waits to be shown live. Memory is bounded however much comes; bytes that are no UTF-8
 * become U+FFFD. Offsets count UTF-16 units from the beginning.
 */
import { StringDecoder } from 'node:string_decoder';

/** Kept of the beginning, and of the end, UTF-16 units: both pipes together stay below 1 MiB of UTF-8. */
const HEAD_CHARS = 80_000;
const TAIL_CHARS = 80_000;
/** Most that is shown live at once; what came before it is left out. */
const LIVE_CHARS = 16_384;

/** A part of the output and where it stands. */
interface Piece {
  offset: number;
  text: string;
}

/** What a command has printed, as far as it is kept. */
export interface Output {
  push(chunk: Buffer): void;
  /** Nothing more comes. */
  end(): void;
  /** What is new since the last call, the newest of it; null when nothing is. */
  takeNewOutput(): Piece | null;
  /** What is kept: all of it, or the beginning and the end. */
  pieces(): Piece[];
  /** What is kept as one text; a line says how much was left out. */
  text(): string;
  readonly isCut: boolean;
  /** UTF-16 units that came so far. */
  readonly length: number;
}

/** An empty output. */
export function createOutput(): Output {
  const decoder = new StringDecoder('utf8');
  const tail = createTail(TAIL_CHARS);
  const news = createTail(LIVE_CHARS);
  let head = '';
  /** Units so far. */
  let length = 0;

  function take(text: string): void {
    if (text === '') return;
    length += text.length;
    news.push(text);
    const room = HEAD_CHARS - head.length;
    // Once something stood behind the head, nothing is put to it any more.
    const end = tail.length > 0 || room <= 0 ? 0 : wholeCharacters(text, room);
    head += text.slice(0, end);
    if (end < text.length) tail.push(text.slice(end));
  }

  function pieces(): Piece[] {
    const last = tail.text();
    const first = { offset: 0, text: head };
    return last === '' ? [first] : [first, { offset: length - last.length, text: last }];
  }

  function leftOut(): number {
    return pieces().reduce((left, { text }) => left - text.length, length);
  }

  return {
    push: (chunk) => take(decoder.write(chunk)),
    end: () => take(decoder.end()),
    takeNewOutput() {
      const text = news.text();
      news.clear();
      return text === '' ? null : { offset: length - text.length, text };
    },
    pieces,
    text() {
      const mark = leftOut() === 0 ? '' : `\n\n[${leftOut()} characters left out]\n\n`;
      return pieces()
        .map(({ text }) => text)
        .join(mark);
    },
    get isCut() {
      return leftOut() > 0;
    },
    get length() {
      return length;
    },
  };
}

/** The end of a growing text. */
function createTail(chars: number) {
  let parts: string[] = [];
  let length = 0;
  /** The last `chars` units, never beginning in the middle of a character. */
  function text(): string {
    const joined = parts.join('');
    if (joined.length <= chars) return joined;
    const last = joined.slice(-chars);
    const first = last.charCodeAt(0);
    return first >= 0xdc00 && first <= 0xdfff ? last.slice(1) : last;
  }
  return {
    text,
    push(more: string) {
      parts.push(more);
      length += more.length;
      if (length <= chars * 2 && parts.length < 1_000) return;
      parts = [text()];
      length = parts[0]?.length ?? 0;
    },
    clear() {
      parts = [];
      length = 0;
    },
    get length() {
      return length;
    },
  };
}

/** Where to cut a text so that at most `room` units and no half character are taken. */
function wholeCharacters(text: string, room: number): number {
  if (text.length <= room) return text.length;
  const last = text.charCodeAt(room - 1);
  return last >= 0xd800 && last <= 0xdbff ? room - 1 : room;
}
