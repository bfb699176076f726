/** A session in a list: what state it is in, what it is called, what it waits for or does, and where. */
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { pinned } from '../list.ts';
import { isUnread } from '../read-marks.ts';
import { headlineOf, placeOf, sinceOf, titleOf } from '../session-words.ts';
import { CommandText } from '../ui/command-text.tsx';
import { Glyph } from '../ui/glyph.tsx';
import { Age } from '../ui/now.tsx';
import { PHASE_WORDS, phaseOfRow, type StateGroup, stateGroupOf } from '../value.ts';
import { visibleText } from '../visible.ts';

/** Height of a row with two lines of a headline, and with one, px. */
const TALL_PX = 92;
const LOW_PX = 72;

/** Height of the row of a session, px: what waits or failed says more. */
export function rowHeight(row: InspectRow): number {
  const phase = phaseOfRow(row);
  return phase === 'attention' || phase === 'failed' ? TALL_PX : LOW_PX;
}

/** Height of a row of one line, px; a finger meets it too. */
export const compactHeight = (): number => 44;

/** A session in one line: state, title, what it waits for or does, and since when. */
export function CompactRow({ row }: { row: InspectRow }) {
  const unread = isUnread.value(row);
  const group = stateGroupOf(row, unread);
  const { verb, thing, isCode } = headlineOf(row, unread);
  const since = sinceOf(row);
  const title = visibleText(titleOf(row));
  return (
    <>
      <Glyph state={group} />
      <span class="row-line">
        <b class="row-name" dir="auto" title={title}>
          {title}
        </b>{' '}
        <span class={`row-headline text-${group}`} title={visibleText(`${verb} ${thing}`)}>
          {/* Where there is a thing, the colour and the glyph say the verb. */}
          <b class={thing === '' ? '' : 'visually-hidden'}>{verb}</b>{' '}
          <Thing text={thing} isCode={isCode} />
        </span>{' '}
        {!row.steered && <Eye />}
        <span class={`row-age${row.waiting ? ' text-attention' : ''}`}>
          <span class="visually-hidden">, {STATE_WORDS[group]} </span>
          {since !== null && <Age at={since} />}
        </span>
      </span>
    </>
  );
}

/** The lines of a row, the same in the list and in the inbox. */
export function SessionRow({ row }: { row: InspectRow }) {
  const unread = isUnread.value(row);
  const group = stateGroupOf(row, unread);
  const { verb, thing, isCode } = headlineOf(row, unread);
  const since = sinceOf(row);
  const title = visibleText(titleOf(row));
  return (
    <>
      <Glyph state={group} />
      <span class="row-main">
        <span class="row-line">
          {group === 'finished' && <i class="unread" />}
          {pinned.value.includes(row.id) && <span class="pin">pinned </span>}
          <b class="row-name" dir="auto" title={title}>
            {title}
          </b>{' '}
          {!row.steered && <Eye />}
          <span class={`row-age${row.waiting ? ' text-attention' : ''}`}>
            <span class="visually-hidden">, {STATE_WORDS[group]} </span>
            {since !== null && <Age at={since} />}
            <span class="visually-hidden">,</span>
          </span>
        </span>{' '}
        <span class={`row-headline text-${group}`}>
          <b>{verb}</b> <Thing text={thing} isCode={isCode} />
        </span>{' '}
        <span class="row-place">
          <bdi>{visibleText(placeOf(row))}</bdi>
          <Numbers row={row} />
        </span>
      </span>
    </>
  );
}

/** What is read aloud between a title and how long that has been so: the glyph says it to the eye. */
const STATE_WORDS: Record<StateGroup, string> = {
  ...PHASE_WORDS,
  finished: 'finished, not read yet',
};

/** How full the model's context is, and what is wrong with the connection. */
function Numbers({ row }: { row: InspectRow }) {
  const { context, link } = row;
  const words = [
    link === 'failed' && 'connection failed',
    context !== null && context !== undefined && `${Math.round(context * 100)} %`,
  ].filter(Boolean);
  if (words.length === 0) return null;
  return <span class="row-numbers">{words.join(' · ')}</span>;
}

/** Marks a session that is only watched: it is answered in its own terminal. */
export function Eye() {
  return (
    <svg class="eye" viewBox="0 0 16 16" role="img" aria-label="watched only">
      <title>Watched only: it runs in its own terminal</title>
      <path d="M1 8s2.6-4.5 7-4.5S15 8 15 8s-2.6 4.5-7 4.5S1 8 1 8Z" />
      <circle cx="8" cy="8" r="2" />
    </svg>
  );
}

/** What a session waits for or does: code letter by letter and from left to right, prose in its own direction. */
export function Thing({ text, isCode }: { text: string; isCode: boolean }) {
  if (!isCode) return <bdi>{visibleText(text)}</bdi>;
  return (
    <bdi class="code" dir="ltr">
      <CommandText text={text} />
    </bdi>
  );
}
