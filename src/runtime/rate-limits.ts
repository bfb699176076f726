/**
 * How much of their rate limits providers have used, as they told it last. Kept in memory: it is told anew with the next
 * answer of a model, and what was true before a restart may not be so any more.
 */
import type { RateLimit } from '../protocol/server.ts';

/** More than any provider has; the one that was told of longest ago goes first. */
const MAX_LIMITS = 64;

/** The newest of each window. */
export class RateLimits {
  readonly #known = new Map<string, RateLimit>();

  /** Takes what a provider tells, in any order. */
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
