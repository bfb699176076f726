/** The charts that were laid out when the page was built, fetched once. */

import chartsUrl from 'virtual:charts';
import { signal } from '@preact/signals';
import type { Charts, LaidOutChart } from './chart/geometry.ts';

/** Null while they load; a sentence when they cannot be had. */
export const charts = signal<Charts | string | null>(null);

/** Fetches them; called at the start and by "try again". */
export async function loadCharts(): Promise<void> {
  try {
    const answer = await fetch(chartsUrl);
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    charts.value = (await answer.json()) as Charts;
  } catch (cause) {
    charts.value = `The charts could not be loaded: ${(cause as Error).message}`;
  }
}

/** A machine's chart, when it is there. */
export function chartOf(machine: string): LaidOutChart | null {
  const loaded = charts.value;
  return loaded && typeof loaded === 'object' ? (loaded.machines[machine] ?? null) : null;
}
