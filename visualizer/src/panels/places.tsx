/** The one bar between the pages: above on desks, below on phones; links that work without the page's own router. */
import { inboxRows } from '../inbox-queue.ts';
import { addressOf, isMenuOpen, PLACES, type Place, place, view } from '../route.ts';
import { isPlainPress } from '../ui/link.ts';

const WORDS: Record<Place, string> = {
  inbox: 'Inbox',
  sessions: 'Sessions',
  search: 'Search',
  grid: 'Board',
  machines: 'Machines',
  about: 'About',
};

/** Pages of the menu only: they are about the server, not about sessions. */
const IN_MENU: ReadonlySet<Place> = new Set(['machines', 'about']);

/** The links between the pages; on a phone also the menu, which the bar above has no room for. */
export function Navigation({ isBottom = false }: { isBottom?: boolean }) {
  return (
    <nav class={isBottom ? 'places bottom' : 'places'} aria-label="Pages">
      {PLACES.filter((where) => !IN_MENU.has(where)).map((where) => (
        <PlaceLink key={where} where={where} />
      ))}
      {isBottom && (
        <button
          type="button"
          onClick={() => {
            isMenuOpen.value = true;
          }}
        >
          Menu
        </button>
      )}
    </nav>
  );
}

function PlaceLink({ where }: { where: Place }) {
  const waiting = inboxRows.value.attention.length;
  return (
    <a
      href={addressOf(where)}
      aria-current={place.value === where ? 'page' : undefined}
      onClick={(event) => {
        if (!isPlainPress(event)) return;
        event.preventDefault();
        openPlace(where);
      }}
    >
      {WORDS[where]}
      {where === 'inbox' && waiting > 0 && (
        <>
          <span class="visually-hidden">, </span>
          <b>{waiting}</b>
        </>
      )}
    </a>
  );
}

/** Shows a page; on a phone the list of sessions, not the one that was open. */
export function openPlace(where: Place): void {
  place.value = where;
  if (where === 'sessions') view.value = 'sessions';
}
