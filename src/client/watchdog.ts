/** A line may be dead without anybody saying so: after a long silence the client asks, and gives it up. */
import type { ClientError } from './requests.ts';
import type { Standing } from './standing.ts';

/** Looks after one client's line. */
export interface Watchdog {
  /** Something came. */
  heard(): void;
  stop(): void;
}

/** @param deps.silenceMs  a silence this long makes it ask, at most twice as late */
export function startWatchdog(deps: {
  silenceMs: number;
  standing: Standing;
  request: (message: { type: 'ping' }) => Promise<unknown>;
  /** Gives the line up. */
  drop: () => void;
}): Watchdog {
  const { silenceMs, standing, request, drop } = deps;
  let heardAt = 0;
  const timer = setInterval(() => {
    if (standing.link.kind !== 'online' || performance.now() - heardAt < silenceMs) return;
    request({ type: 'ping' }).catch(({ code }: ClientError) => {
      if (code === 'timeout') drop();
    });
  }, silenceMs);
  return {
    heard() {
      heardAt = performance.now();
    },
    stop: () => clearInterval(timer),
  };
}
