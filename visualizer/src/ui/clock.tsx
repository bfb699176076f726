/** One clock for all ages on the page: a tick a second, on the server's time. */
import { computed, signal } from '@preact/signals';
import { hello } from '../page-state.ts';
import { ageWords } from './format.ts';

const tick = signal(Date.now());
window.setInterval(() => {
  tick.value = Date.now();
}, 1000);

/** How far the server's clock is ahead of this one, ms; taken when it greeted. */
const ahead = computed(() => {
  const greeting = hello.value;
  return greeting ? Date.parse(greeting.now) - Date.now() : 0;
});

/** Now by the server's clock, ms since 1970. */
export const now = computed(() => tick.value + ahead.value);

/** Made once: every row of the list has an age. */
const EXACT = new Intl.DateTimeFormat([], {
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
  timeZoneName: 'short',
});

/** How long ago a moment was, `12 min`, with the exact time for those who ask. */
export function Age({ at }: { at: string }) {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return null;
  return (
    <time dateTime={at} title={EXACT.format(moment)}>
      {ageWords(Math.max(0, now.value - moment.getTime()))}
    </time>
  );
}
