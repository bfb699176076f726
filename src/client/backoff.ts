/** When to come back: pure arithmetic, apart from the line so that it can be tested alone. */

/** Bounds of a pause between two attempts, ms. */
export interface Pace {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** How long it waits between two tries unless told otherwise. */
export const DEFAULT_PACE: Pace = { firstMs: 1000, maxMs: 10_000 };

const SERVICE_RESTART = 1012;
const RESTART_MIN_MS = 250;
/** Where the server says nothing: wide enough for some 200 clients. */
const RESTART_SPREAD_MS = 5000;

/**
 * The pause before an attempt. Doubles up to the bound, half of it by chance, so that those who were
 * thrown out together do not come back together. After a restart the server says within what time all
 * its clients shall come back.
 *
 * @param attempt attempts in vain since the last good connection, from 0
 * @param closed how the line ended, null when it never stood
 * @param random from 0 up to, never, 1
 */
export function pauseBefore(
  attempt: number,
  closed: { code: number; reason: string } | null,
  random: number,
  { firstMs, maxMs }: Pace = DEFAULT_PACE,
): number {
  if (attempt === 0 && closed?.code === SERVICE_RESTART) {
    const told = /\bwithin (\d{1,5}) ms\b/.exec(closed.reason)?.[1];
    const spread = told === undefined ? RESTART_SPREAD_MS : Number(told);
    // The wider the window, the more would find nobody at its beginning and come again with the next.
    return Math.round(Math.max(RESTART_MIN_MS, spread / 6) + random * spread);
  }
  const whole = Math.min(maxMs, firstMs * 2 ** attempt);
  return Math.round(whole / 2 + (random * whole) / 2);
}
