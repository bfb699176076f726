/** Search over all conversations: one field with words and filters, and where they stand, the newest first. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { SearchHit } from '../../../src/protocol/reply-nouns.ts';
import { find, type SearchPage } from '../all-sessions.ts';
import { addressOfSession, openMessage, searched } from '../route.ts';
import { now } from '../ui/clock.tsx';
import { ageWords } from '../ui/format.ts';
import { isPlainPress } from '../ui/link.ts';
import { VisibleText } from '../ui/visible-text.tsx';
import './search.css';

/** A person types on: only what stands still for so long is looked for, ms. */
const STILL_MS = 150;

const FILTERS = [
  ['project:shop', 'one project'],
  ['file:repository.ts', 'a tool read or changed this file'],
  ['when:yesterday', 'today, 3h, 7d, 2026-03-01, or two days with .. between'],
  ['agent:codex', 'claude, codex, or a model'],
  ['is:waiting', 'working, permission, question, reply, ended'],
  ['"exact words"', 'as they stand'],
] as const;

/** The field, the results, and how to filter. */
export function Search() {
  const page = useSignal<SearchPage | null>(null);
  const failure = useSignal<string | null>(null);
  const query = searched.value.trim();
  const loadPage = async (before: number | null): Promise<void> => {
    const found = await find(query, before);
    // The answer to what stood there before.
    if (query !== searched.peek().trim()) return;
    failure.value = typeof found === 'string' ? found : null;
    if (typeof found === 'string') return;
    const hits = before === null ? [] : (page.peek()?.hits ?? []);
    page.value = { ...found, hits: [...hits, ...found.hits] };
  };
  useEffect(() => {
    if (query === '') {
      page.value = null;
      failure.value = null;
      return;
    }
    const timer = setTimeout(() => void loadPage(null), STILL_MS);
    return () => clearTimeout(timer);
  }, [query]);
  return (
    <div class="search-page">
      <section class="search-main">
        <h1 class="visually-hidden">Search</h1>
        <input
          id="search"
          type="search"
          dir="auto"
          aria-label="Search"
          placeholder="Search messages, tools, files"
          autoComplete="off"
          spellcheck={false}
          ref={(field) => void (field && document.activeElement === document.body && field.focus())}
          value={searched.value}
          onInput={(event) => {
            searched.value = event.currentTarget.value;
          }}
        />
        {failure.value !== null && (
          <p class="banner warn" role="alert">
            {failure.value}
          </p>
        )}
        {query === '' && (
          <p class="hint">
            Finds what you and your agents said, their tools and files, in all conversations, the
            newest first.
          </p>
        )}
        {page.value && (
          <Results page={page.value} more={() => loadPage(page.peek()?.next ?? null)} />
        )}
      </section>
      <Help />
    </div>
  );
}

function Results({ page, more }: { page: SearchPage; more: () => Promise<void> }) {
  const { hits, next, is_partial } = page;
  const isOver = next === null && is_partial !== true;
  const sessions = new Set(hits.map(({ session_id }) => session_id)).size;
  return (
    <>
      <p class="search-count" role="status">
        {hits.length === 0 && isOver
          ? 'Nothing was found.'
          : `${hits.length}${isOver ? '' : ' and more'} in ${sessions} session${sessions === 1 ? '' : 's'}`}
      </p>
      <ol class="search-results" aria-label="Results">
        {hits.map((hit) => (
          <li key={`${hit.session_id} ${hit.message_id}`}>
            <Hit hit={hit} />
          </li>
        ))}
      </ol>
      {!isOver && (
        <button type="button" class="button" onClick={() => void more()}>
          Older results
        </button>
      )}
    </>
  );
}

const KINDS: Record<string, string> = {
  user: 'You',
  steer: 'You',
  assistant: 'Agent',
  thinking: 'Thinking',
  shell: 'Shell',
  tool: 'Tool',
  tool_result: 'Result',
};

function Hit({ hit }: { hit: SearchHit }) {
  const { session_id, message_id, message_type, tool_name, title, timestamp } = hit;
  const kind = message_id === null ? 'Session' : (tool_name ?? KINDS[message_type ?? ''] ?? '');
  const at = timestamp === null ? null : new Date(timestamp);
  return (
    <a
      href={addressOfSession(session_id, message_id ?? undefined)}
      onClick={(event) => {
        if (!isPlainPress(event)) return;
        event.preventDefault();
        openMessage(session_id, message_id);
      }}
    >
      <span class="search-head">
        <span class="tag">{kind}</span>
        <b dir="auto">{title || 'Untitled'}</b>
        {at && (
          <time dateTime={timestamp ?? ''} title={at.toLocaleString()}>
            {ageWords(Math.max(0, now.value - at.getTime()))} ago
          </time>
        )}
      </span>
      {message_id !== null && (
        <span class={`search-line${hit.field === 'content' ? '' : ' code'}`} dir="auto">
          <Marked line={hit.line} marks={hit.marks} />
        </span>
      )}
      <span class="search-where">
        {[hit.project_name, hit.provider].filter(Boolean).join(' · ')}
      </span>
    </a>
  );
}

/** The line with its words marked; marks may overlap, each sign is shown once. */
function Marked({ line, marks }: Pick<SearchHit, 'line' | 'marks'>) {
  const parts = [];
  let at = 0;
  for (const [begin = 0, end = 0] of marks) {
    if (end <= at) continue;
    const from = Math.max(begin, at);
    if (from > at) parts.push(<VisibleText key={at} text={line.slice(at, from)} />);
    parts.push(
      <mark key={`mark ${from}`}>
        <VisibleText text={line.slice(from, end)} />
      </mark>,
    );
    at = end;
  }
  parts.push(<VisibleText key="end" text={line.slice(at)} />);
  return <>{parts}</>;
}

function Help() {
  return (
    <aside class="search-help" aria-label="How to filter">
      <h2>How to filter</h2>
      <dl>
        {FILTERS.map(([filter, words]) => (
          <div key={filter}>
            <dt>
              <button
                type="button"
                class="code"
                onClick={() => {
                  searched.value = `${searched.peek().trim()} ${filter}`.trim();
                  document.getElementById('search')?.focus();
                }}
              >
                {filter}
              </button>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </aside>
  );
}
