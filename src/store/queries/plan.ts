/**
 * The plan as clients read it: JSON text of an array of steps (contract.md 9.4 no. 15). The reference
 * stored the provider's object with the list inside; such rows are told in the form that shows.
 */
import { head } from '../text.ts';

const MAX_STEPS = 200;
const MAX_STEP_CHARS = 500;

const STATUSES: Record<string, string> = {
  pending: 'pending',
  in_progress: 'inProgress',
  inProgress: 'inProgress',
  completed: 'completed',
};

/** @returns null for what is no plan at all, or one without steps: a text that cannot be shown would hide that there is none */
export function planFromRow(text: string | null): string | null {
  if (text === null) return null;
  const steps = stepsOf(text);
  if (!steps) return null;
  const shown = steps.slice(0, MAX_STEPS).flatMap((each: unknown) => {
    const { step, status } = (each ?? {}) as { step?: unknown; status?: unknown };
    if (typeof step !== 'string') return [];
    return { step: head(step, MAX_STEP_CHARS), status: STATUSES[String(status)] ?? 'pending' };
  });
  return shown.length === 0 ? null : JSON.stringify(shown);
}

function stepsOf(text: string): unknown[] | null {
  try {
    const value = JSON.parse(text) as { plan?: unknown } | null;
    if (Array.isArray(value)) return value;
    return Array.isArray(value?.plan) ? value.plan : null;
  } catch {
    // Some other writer's words; no client could show them.
    return null;
  }
}
