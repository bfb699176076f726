/** What stands where a session would be while none is chosen: what waits, and the way to it. */

import { addressOf } from '../route.ts';
import { all, waitingRows } from '../session-list.ts';
import { phaseOfRow } from '../state-value.ts';
import { Age } from '../ui/clock.tsx';
import { count } from '../ui/format.ts';
import { isPlainPress } from '../ui/link.ts';
import { openPlace } from './navigation.tsx';

/** How many wait, since when, and how many work. */
export function WaitingOverview() {
  const [longest] = waitingRows.value;
  const working = all.value.filter((row) => phaseOfRow(row) === 'working').length;
  if (all.value.length === 0) return null;
  return (
    <div class="empty overview">
      {longest?.waiting ? (
        <>
          <p class="overview-title">
            {count(waitingRows.value.length, 'session')} waiting for you, the longest for{' '}
            <Age at={longest.waiting.since} />.
          </p>
          <a
            class="button primary"
            href={addressOf('inbox')}
            onClick={(event) => {
              if (!isPlainPress(event)) return;
              event.preventDefault();
              openPlace('inbox');
            }}
          >
            Open the inbox
          </a>
        </>
      ) : (
        <p class="overview-title">Nothing waits for you. {count(working, 'session')} at work.</p>
      )}
      <p class="hint">Or choose a session from the list.</p>
    </div>
  );
}
