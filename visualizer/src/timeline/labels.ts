/** What the timeline says in words: what a bar is, how it ended, when that was. */
import type { JournalTimeline, TimelineSpan } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import { PHASE_WORDS } from '../state-value.ts';
import { clockWords } from '../ui/format.ts';
import { phaseOfSpan } from './paint.ts';
import { requestOf, timeline } from './timeline-state.ts';

const REQUESTS: Record<string, string> = {
  exec: 'Run a command',
  patch: 'Change a file',
  question: 'Asks you',
};

/** What a bar says. */
export function wordsOf(span: TimelineSpan): string {
  const { row, text } = span;
  if (row === 'request') {
    const known = requestOf(span);
    const tool = known?.tool_name ?? null;
    const isPlan = tool === 'ExitPlanMode';
    const kind = isPlan ? 'Plan to accept' : (REQUESTS[text] ?? 'Waits for you');
    // What asks is no tool that a person knows, and the list of requests keeps no questions.
    const isKindOnly = isPlan || tool === 'AskUserQuestion';
    const what = known?.command ?? known?.file_path ?? (isKindOnly ? null : tool);
    return visibleText(what === null ? kind : `${kind}: ${what}`);
  }
  if (row === 'state') {
    const phase = phaseOfSpan(span);
    return phase === 'attention' ? 'held by the request' : PHASE_WORDS[phase];
  }
  if (row === 'turn') return `Turn ${turnNumber(span)}${span.failed ? ', failed' : ''}`;
  return visibleText(text);
}

/** Which of the turns that the journal holds it is. */
function turnNumber(span: TimelineSpan): number {
  return (
    (timeline
      .peek()
      ?.spans.filter(({ row }) => row === 'turn')
      .indexOf(span) ?? 0) + 1
  );
}

/** How what a bar stands for ended, to be put behind its time. */
export function outcomeOf(span: TimelineSpan): string {
  if (span.failed) return ' · failed';
  const item = requestOf(span);
  if (!item?.decision) return '';
  return ` · ${item.decision.replaceAll('_', ' ')}`;
}

/** How full the model's context was at a moment (ms since 1970), to be put behind its time. */
export function contextWords({ context }: JournalTimeline, at: number): string {
  const share = context.findLast(([since]) => since <= at)?.[1];
  return share === undefined ? '' : ` ${Math.round(share * 100)} % of the context was used.`;
}

/** `14:04:24`, in local time. */
export function clock(at: number): string {
  return clockWords(new Date(at).toISOString()).slice(0, 8);
}
