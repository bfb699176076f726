/** The requests of the watched session that were decided: how, when, and by whom. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ApprovalHistoryItem } from '../../../src/protocol/reply-nouns.ts';
import { callerWords } from '../callers.ts';
import { followDecided } from '../session-client.ts';
import { Age } from '../ui/clock.tsx';
import { VisibleText } from '../ui/visible-text.tsx';

/** What became of a request. */
const DECISIONS: Readonly<Record<string, string>> = {
  approved: 'Approved',
  approved_for_session: 'Approved for the session',
  approved_always: 'Approved always',
  denied: 'Denied',
  refused_by_rule: 'Allowed, but refused by a rule',
  abort: 'Denied, and the turn stopped',
  answered: 'Answered',
  cancelled: 'Taken back',
  unknown: 'Over; how it was decided is unknown',
};

/** A list that opens; it is asked for when it is opened, and stays as new as the session. */
export function Decided({ session }: { session: string }) {
  const isOpen = useSignal(false);
  return (
    <details
      class="decided"
      data-testid="decided"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>Requests and who decided them</summary>
      {isOpen.value && <List session={session} />}
    </details>
  );
}

function List({ session }: { session: string }) {
  const items = useSignal<readonly ApprovalHistoryItem[] | string | null>(null);
  useEffect(
    () =>
      followDecided(session, (found) => {
        items.value = found;
      }),
    [session, items],
  );
  const found = items.value;
  if (found === null) return <p class="faint">Loading…</p>;
  if (typeof found === 'string') return <p class="banner warn">{found}</p>;
  if (found.length === 0) return <p class="faint">Nothing was asked yet.</p>;
  return (
    <ol class="decided-list">
      {found.map((item) => (
        <Item key={item.id} item={item} />
      ))}
    </ol>
  );
}

function Item({ item }: { item: ApprovalHistoryItem }) {
  const { decision, decided_at: at, decided_by: by, tool_name: tool, command, file_path } = item;
  const subject = command ?? file_path ?? tool ?? 'A question';
  return (
    <li>
      <bdi class="code decided-subject">
        <VisibleText text={subject} />
      </bdi>
      <span>
        {decision === null ? 'Waits' : (DECISIONS[decision] ?? decision)}
        {at !== null && (
          <>
            {' '}
            <Age at={at} /> ago
          </>
        )}
        {decision !== null && (by ? ` by ${callerWords(by)}` : ', not by a client of this server')}
      </span>
    </li>
  );
}
