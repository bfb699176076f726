/** The pages of the page: links that work without the page's own router, too. */
import { addressOf, PLACES, type Place, place } from '../route.ts';

const WORDS: Record<Place, string> = {
  sessions: 'Sessions',
  grid: 'Grid',
  machines: 'Charts',
  about: 'About',
};

/** The links between the pages. */
export function Places() {
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
        </a>
      ))}
    </nav>
  );
}
