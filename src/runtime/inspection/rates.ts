/** Events a second over the last ten seconds, of each session and of all together. */

const SECONDS = 10;
/** Sessions that are counted apart; the quiet ones are forgotten first. */
const MAX_SESSIONS = 5_000;

/** Counts of the last seconds, the slot of a second being its number modulo ten. */
interface Slots {
  counts: number[];
  second: number;
}

/** Events a second, by session and altogether. */
export interface Rates {
  count(sessionId: string): void;
  /** Per second, to one decimal; of all sessions without an id. */
  of(sessionId?: string): number;
  clear(): void;
}

/** @param now monotonic, ms */
export function createRates(now: () => number = () => performance.now()): Rates {
  const sessions = new Map<string, Slots>();
  let all = empty();

  function empty(): Slots {
    return { counts: Array<number>(SECONDS).fill(0), second: Math.floor(now() / 1000) };
  }

  /** Empties the slots of the seconds that have passed since the last look. */
  function turn(slots: Slots): Slots {
    const second = Math.floor(now() / 1000);
    const passed = Math.min(second - slots.second, SECONDS);
    for (let at = 1; at <= passed; at++) slots.counts[(slots.second + at) % SECONDS] = 0;
    slots.second = second;
    return slots;
  }

  function add(slots: Slots): void {
    const at = turn(slots).second % SECONDS;
    slots.counts[at] = (slots.counts[at] ?? 0) + 1;
  }

  return {
    count(sessionId) {
      const slots = sessions.get(sessionId) ?? empty();
      sessions.delete(sessionId);
      sessions.set(sessionId, slots);
      if (sessions.size > MAX_SESSIONS) sessions.delete(sessions.keys().next().value as string);
      add(slots);
      add(all);
    },
    of(sessionId) {
      const slots = sessionId === undefined ? all : sessions.get(sessionId);
      if (!slots) return 0;
      const sum = turn(slots).counts.reduce((total, count) => total + count, 0);
      return Math.round((sum / SECONDS) * 10) / 10;
    },
    clear() {
      sessions.clear();
      all = empty();
    },
  };
}
