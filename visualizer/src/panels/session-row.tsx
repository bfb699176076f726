/** A session in a list: what state it is in, what it is called, what it waits for or does, and where. */
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { costsToday } from '../cost-today.ts';
import { isUnread } from '../read-marks.ts';
import { costWords, headlineOf, placeOf, sinceOf, titleOf } from '../session-labels.ts';
import { pinned } from '../session-list.ts';
import { PHASE_WORDS, phaseOfRow, type StateGroup, stateGroupOf } from '../state-value.ts';
import { Age } from '../ui/clock.tsx';
import { CommandText } from '../ui/command-text.tsx';
import { Glyph } from '../ui/glyph.tsx';

/** Height of a row with two lines of a headline, and with one, px. */
const TALL_PX = 88;
const LOW_PX = 72;
/** Width of a headline in the narrowest list, px, and of a letter of each kind at most on average. */
const HEADLINE_PX = 245;
const LETTER_PX = { bold: 7.4, code: 7.9, prose: 6.8 } as const;

/** Height of the row of a session, px: what waits or failed says more, unless it is short. */
export function rowHeight(row: InspectRow): number {
  const phase = phaseOfRow(row);
  if (phase !== 'attention' && phase !== 'failed') return LOW_PX;
  const { verb, thing, isCode } = headlineOf(row);
  const letter = isCode ? LETTER_PX.code : LETTER_PX.prose;
  const width = verb.length * LETTER_PX.bold + (thing.length + 1) * letter;
  return width <= HEADLINE_PX ? LOW_PX : TALL_PX;
}

/** Class of a row: its phase, and whether its headline has one line. */
export function rowClass(row: InspectRow): string {
  return `phase-${phaseOfRow(row)}${rowHeight(row) === LOW_PX ? ' one-line' : ''}`;
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
          <Place row={row} />
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

/** Project and branch, which may be cut, and the agent, which is not. */
function Place({ row }: { row: InspectRow }) {
  const words = visibleText(placeOf(row));
  const end = words.lastIndexOf(' · ');
  return (
    <span class="row-where" title={words}>
      {end > 0 && <bdi>{words.slice(0, end)}</bdi>}
      <span>{words.slice(Math.max(0, end)).replace(/^ /, '\u00a0')}</span>
    </span>
  );
}

/** What is wrong with the connection, how full the model's context is, and what the session has cost today. */
function Numbers({ row }: { row: InspectRow }) {
  const { context, link } = row;
  const cost = costsToday.value.get(row.id);
  return (
    <span class="row-numbers">
      {link === 'failed' && <span>connection failed</span>}
      {typeof context === 'number' && (
        <span title="Context used">
          {Math.round(context * 100)} %<span class="visually-hidden"> of context</span>
        </span>
      )}
      {cost !== undefined && (
        <span title="Cost today">
          {cost < 0.01 ? '<\u2009$0.01' : costWords(cost)}
          <span class="visually-hidden"> today</span>
        </span>
      )}
    </span>
  );
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
