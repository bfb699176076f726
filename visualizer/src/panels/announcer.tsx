/** Announces the state of the watched session to screen readers, at most every two seconds. */
import { effect, signal } from '@preact/signals';
import { selectedRow, shown } from '../page-state.ts';
import { leavesOf } from '../state-value.ts';

const EVERY_MS = 2000;
const words = signal('');
let timer = 0;

/** Starts to announce; called once. */
export function startAnnouncer(): void {
  let said = '';
  effect(() => {
    const { value } = shown.value;
    const now = value === null ? '' : leavesOf(value).join(', ');
    if (now === said || timer !== 0) return;
    timer = window.setTimeout(() => {
      timer = 0;
      const latest = shown.peek().value;
      said = latest === null ? '' : leavesOf(latest).join(', ');
      words.value = said === '' ? '' : `${selectedRow.peek()?.name ?? 'Session'}: ${said}`;
    }, EVERY_MS);
  });
}

/** The live region. */
export function Announcer() {
  return (
    <p class="visually-hidden" aria-live="polite" data-testid="announcer">
      {words.value}
    </p>
  );
}
