/** What today has cost: all sessions together, and each of them, asked for while the page is visible. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { askUsage } from './all-sessions.ts';
import { isOnline } from './page-state.ts';

/** How often sums are asked for, ms: the server counts in quarters of an hour. */
const EVERY_MS = 60_000;

/** US dollars of all sessions; null where no agent says it. */
export const costToday = signal<number | null>(null);
/** US dollars by session, of those whose agent says it. */
export const costsToday = signal<ReadonlyMap<string, number>>(new Map());

/** Keeps both up to date while the component stands. */
export function useCostsToday(): void {
  useWhileSeen(
    () =>
      void askUsage('session').then((report) => {
        // Why there is none is said where the sums stand: the list need not know what it cost.
        if (typeof report === 'string') return;
        costToday.value = report.total.cost_usd;
        costsToday.value = new Map(
          report.rows.flatMap(({ key, cost_usd }) => (cost_usd === null ? [] : [[key, cost_usd]])),
        );
      }),
    [],
  );
}

/** Calls at once and every minute while the server is reached; a hidden page calls when it is visible again. */
export function useWhileSeen(refresh: () => void, inputs: readonly unknown[]): void {
  useEffect(() => {
    if (!isOnline.value) return;
    const lookIfSeen = (): void => {
      if (document.visibilityState !== 'hidden') refresh();
    };
    lookIfSeen();
    const timer = setInterval(lookIfSeen, EVERY_MS);
    document.addEventListener('visibilitychange', lookIfSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', lookIfSeen);
    };
  }, [...inputs, isOnline.value]);
}
