/** What sessions have read, written and cost, as the store has counted it. */
import { QUARTER_MS, readRange } from '../../store/queries/usage.ts';
import type { Writer } from '../../store/writer.ts';
import type { RateLimits } from '../rate-limits.ts';
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
