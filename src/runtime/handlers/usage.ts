/** What sessions have read, written and cost, as the store has counted it. */
import type { RateLimit } from '../../protocol/reply-nouns.ts';
import { QUARTER_MS, readRange } from '../../store/queries/usage.ts';
import type { Writer } from '../../store/writer.ts';
import type { Handlers } from '../runtime-api.ts';

/** Handlers of this group. @param now  wall clock, ms since 1970 */
export function createUsageHandlers(
  writer: Pick<Writer, 'read'>,
  rateLimits: Pick<RateLimits, 'now'>,
  now: () => number = Date.now,
): Handlers<'get_usage'> {
  return {
    async get_usage({ from, to, by: group, utc_offset_minutes }, asker) {
      const offsetMinutes = utc_offset_minutes ?? -new Date(now()).getTimezoneOffset();
      const range = readRange({ from, to }, { nowMs: now(), offsetMinutes });
      const by = group ?? 'day';
      const { total, rows } = await writer.read({ kind: 'usage', by, offsetMinutes, ...range });
      const [begin, end] = [range.from, range.to].map((quarter) =>
        new Date(quarter * QUARTER_MS).toISOString(),
      ) as [string, string];
      const limits = rateLimits.now(now());
      asker.reply({ type: 'usage_report', by, from: begin, to: end, total, rows, limits });
    },
  };
}

/*
 * How much of their rate limits providers have used, as they reported it last. Kept in memory: it is reported anew
 * with the next answer of a model, and what was true before a restart may not be so any more.
 */

/** More than any provider has; the one that was reported longest ago goes first. */
const MAX_LIMITS = 64;

/** The newest of each window. */
export class RateLimits {
  readonly #known = new Map<string, RateLimit>();

  /** Takes what a provider reports, in any order. */
  note(limits: readonly RateLimit[]): void {
    for (const limit of limits) {
      const key = `${limit.provider}\n${limit.limit}\n${limit.window_minutes}`;
      const known = this.#known.get(key);
      if (known && known.at > limit.at) continue;
      this.#known.delete(key);
      this.#known.set(key, limit);
      if (this.#known.size > MAX_LIMITS) {
        this.#known.delete(this.#known.keys().next().value as string);
      }
    }
  }

  /** Those that hold now, by provider and length; of a window that began anew nothing is known yet. */
  now(nowMs: number): RateLimit[] {
    const holds = [...this.#known.values()].filter(
      ({ resets_at }) => resets_at === null || Date.parse(resets_at) > nowMs,
    );
    return holds.sort(
      (one, other) =>
        one.provider.localeCompare(other.provider) ||
        one.limit.localeCompare(other.limit) ||
        (one.window_minutes ?? 0) - (other.window_minutes ?? 0),
    );
  }
}
