/** How much of its account's limits Codex has used, as its engine and its rollouts tell it with every answer of a model. */
import type { RateLimit } from '../../protocol/reply-nouns.ts';
import { type Json, number, object, string } from './rollouts/rollout-items.ts';

/**
 * The windows of a snapshot: the engine writes its names in camel case, a rollout in snake case. A window that is left
 * out is one that nothing new is known of.
 *
 * @param atMs  when it was told, ms since 1970
 */
export function limitsFrom(snapshot: unknown, atMs: number): RateLimit[] {
  const told = object(snapshot);
  if (told === null) return [];
  const limit = textOf(told, 'limitName', 'limit_name') ?? textOf(told, 'limitId', 'limit_id');
  const at = new Date(atMs).toISOString();
  return ['primary', 'secondary'].flatMap((name) => {
    const window = object(told[name]);
    const used = window && countOf(window, 'usedPercent', 'used_percent');
    if (window === null || used === null) return [];
    const resets = countOf(window, 'resetsAt', 'resets_at');
    return [
      {
        provider: 'codex',
        limit: limit ?? 'codex',
        window_minutes: minutesOf(window),
        used_percent: Math.max(0, used),
        resets_at: resets === null ? null : new Date(resets * 1000).toISOString(),
        at,
      },
    ];
  });
}

function minutesOf(window: Json): number | null {
  const minutes = countOf(window, 'windowDurationMins', 'window_minutes');
  return minutes === null || minutes < 0 ? null : Math.floor(minutes);
}

function textOf(from: Json, ...names: string[]): string | null {
  return names.map((name) => string(from[name])).find((text) => text !== null) ?? null;
}

function countOf(from: Json, ...names: string[]): number | null {
  return names.map((name) => number(from[name])).find((value) => value !== null) ?? null;
}
