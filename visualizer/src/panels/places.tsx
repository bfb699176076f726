/** The pages of the page: links that work without the page's own router, too. */
import { addressOf, PLACES, type Place, place } from '../route.ts';
import { waitingRows } from './sessions.tsx';

const WORDS: Record<Place, string> = {
  inbox: 'Inbox',
  sessions: 'Sessions',
  grid: 'Board',
  machines: 'Machines',
  about: 'About',
};

/** The links between the pages. */
export function Navigation() {
  return (
    <nav class="places" aria-label="Pages">
      {PLACES.map((where) => (
        <a
          key={where}
          href={addressOf(where)}
          aria-current={place.value === where ? 'page' : undefined}
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            place.value = where;
          }}
        >
          {WORDS[where]}
          {where === 'inbox' && waitingRows.value.length > 0 && (
            <>
              <span class="visually-hidden">, </span>
              <b>{waitingRows.value.length}</b>
            </>
          )}
        </a>
      ))}
    </nav>
  );
}
