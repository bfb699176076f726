/**
 * The way in for hooks before anything is known of their session: checked, in the order spool before live,
 * and refused while the house stops. Also holds the schemas, which load after the house serves.
 */
import { OrbitError } from '../errors.ts';
import type { Hook } from '../protocol/hook.ts';
import type { HookMeta } from './hall.ts';

/** The module that decodes and checks what comes in; loaded when the first message does. */
type Codec = typeof import('../protocol/codec.ts');

/** How long a live hook waits for spooled ones at start. */
const MAX_SPOOL_WAIT_MS = 2000;

/** What hooks come in through. */
export interface Intake {
  /** Takes one body. @throws OrbitError when it is not stored */
  takeHook(body: unknown, meta: HookMeta): Promise<void>;
  /** The schemas, loaded at the first call. */
  codec(): Promise<Codec>;
  /** From now on live hooks wait for this, at most 2 s: older ones are on their way from the spool. */
  waitForSpool(drained: Promise<unknown>): void;
  /** Takes no hook any more. */
  drain(): void;
  readonly isDraining: boolean;
}

/** @param takeChecked stores a hook of the right shape, see hooks.ts */
export function createIntake(takeChecked: (hook: Hook, meta: HookMeta) => Promise<void>): Intake {
  let loaded: Codec | null = null;
  let loading: Promise<Codec> | null = null;
  let spoolWait: Promise<unknown> | null = null;
  let isDraining = false;

  async function load(): Promise<Codec> {
    loaded = await import('../protocol/codec.ts');
    return loaded;
  }
  const codec = () => (loading ??= load());

  function takeNow({ decodeHook }: Codec, body: unknown, meta: HookMeta): Promise<void> {
    const hook = decodeHook(withType(body, meta.type));
    if (hook instanceof OrbitError) return Promise.reject(hook);
    if (isDraining) return Promise.reject(new OrbitError('shutting_down'));
    return takeChecked(hook, meta);
  }

  async function takeLater(body: unknown, meta: HookMeta): Promise<void> {
    const ready = await codec();
    if (spoolWait !== null && meta.origin !== 'spool') await spoolWait;
    await takeNow(ready, body, meta);
  }

  return {
    codec,
    /** Nearly every hook comes when nothing has to be waited for: each `await` less is felt by all. */
    takeHook(body, meta) {
      const isWaiting = spoolWait !== null && meta.origin !== 'spool';
      return loaded === null || isWaiting ? takeLater(body, meta) : takeNow(loaded, body, meta);
    },
    waitForSpool(drained) {
      const limit = new Promise((resolve) => setTimeout(resolve, MAX_SPOOL_WAIT_MS).unref());
      spoolWait = Promise.race([drained, limit]).finally(() => {
        spoolWait = null;
      });
    },
    drain() {
      isDraining = true;
    },
    get isDraining() {
      return isDraining;
    },
  };
}

/** A body that names no type gets the sender's; the CLI's own event name is better than both. */
function withType(body: unknown, type: string | undefined): unknown {
  if (type === undefined || body === null || typeof body !== 'object' || 'type' in body)
    return body;
  return { ...body, type };
}
