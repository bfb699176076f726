/** The one bar between the pages: above on desks, below on phones; links that work without the page's own router. */
import { inboxRows } from '../inbox-queue.ts';
import { addressOf, isMenuOpen, PLACES, type Place, place, view } from '../route.ts';
import { isPlainPress } from '../ui/link.ts';

const WORDS: Record<Place, string> = {
  inbox: 'Inbox',
  sessions: 'Sessions',
  board: 'Board',
  search: 'Search',
  grid: 'Counts of states',
  machines: 'Machines',
  about: 'About',
};

/** Paths of the icons of the bar below. */
const ICONS: Partial<Record<Place | 'menu', string>> = {
  inbox: 'M4 13h4.5l1.5 3h4l1.5-3H20M4 13l3-8h10l3 8v6H4Z',
  sessions: 'M4 6h16M4 12h16M4 18h10',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5 12 5 5',
  board: 'M4 5h4.5v14H4Zm6 0h4.5v9H10Zm6 0H20v11h-4Z',
  menu: 'M5 12m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0m6 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0m6 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0',
};

/** A picture of the bar, drawn in the colour of the text beside it. */
export function Icon({ of }: { of: Place | 'menu' }) {
  return (
    <svg class="place-icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={ICONS[of]} />
    </svg>
  );
}

/** Pages of the menu only: they are about the server, not about sessions. */
const IN_MENU: ReadonlySet<Place> = new Set(['grid', 'machines', 'about']);

/** The links between the pages; on a phone also the menu, which the bar above has no room for. */
export function Navigation({ isBottom = false }: { isBottom?: boolean }) {
  return (
    <nav class={isBottom ? 'places bottom' : 'places'} aria-label="Pages">
      {PLACES.filter((where) => !IN_MENU.has(where)).map((where) => (
        <PlaceLink key={where} where={where} isBottom={isBottom} />
      ))}
      {isBottom && (
        <button
          type="button"
          onClick={() => {
            isMenuOpen.value = true;
          }}
        >
          <Icon of="menu" />
          Menu
        </button>
      )}
    </nav>
  );
}

function PlaceLink({ where, isBottom }: { where: Place; isBottom: boolean }) {
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
      {isBottom && <Icon of={where} />}
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
