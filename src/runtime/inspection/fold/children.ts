/**
 * The child actors of a folded session, by what XState itself says of them: who has started, who runs, who
 * is gone and how. An actor exists before it has started; until it has, nobody hears of it.
 */
import { type AnyActorRef, type InspectionEvent, isMachineSnapshot } from 'xstate';
import type { ChildStatus, InspectChild } from '../../../protocol/inspect.ts';

/** Keeps the roll of one session's children, event by event. */
export interface Roll {
  /** To be told of everything XState inspects: an actor's first snapshot is its start. */
  note(event: InspectionEvent): void;
  /**
   * Whom it finds after an event: those that run, and before them those that ended with it. The same list
   * as the last time when nothing has changed.
   *
   * @param cause  type of the event; null at the beginning
   */
  call(children: Children, cause: string | null): readonly InspectChild[];
  /** Who ran at the last call. */
  readonly running: readonly InspectChild[];
}

/** As a snapshot holds them. */
type Children = Readonly<Record<string, AnyActorRef | undefined>>;

const NOBODY: readonly InspectChild[] = [];

/** An empty roll. */
export function createRoll(): Roll {
  const started = new WeakSet<object>();
  let present = new Map<string, { ref: AnyActorRef; child: InspectChild }>();
  let running = NOBODY;

  function isRunning(ref: AnyActorRef): boolean {
    return started.has(ref) && ref.getSnapshot().status === 'active';
  }

  return {
    note(event) {
      if (event.type === '@xstate.snapshot') started.add(event.actorRef);
    },
    call(children, cause) {
      const now: typeof present = new Map();
      for (const [id, ref] of Object.entries(children)) {
        if (ref && isRunning(ref)) now.set(id, { ref, child: viewOf(id, ref) });
      }
      const gone = [...present].filter(([id, { ref }]) => now.get(id)?.ref !== ref);
      const isSame = gone.length === 0 && now.size === present.size;
      present = now;
      if (!isSame) running = now.size === 0 ? NOBODY : [...now.values()].map(({ child }) => child);
      if (gone.length === 0) return running;
      const ended = gone.map(([, { ref, child }]) => ({ ...child, status: endOf(ref, cause) }));
      return [...ended, ...running];
    },
    get running() {
      return running;
    },
  };
}

function viewOf(id: string, ref: AnyActorRef): InspectChild {
  const kind = isMachineSnapshot(ref.getSnapshot()) ? 'chart' : 'plain';
  const { src } = ref;
  return { id, src: typeof src === 'string' ? src : id, kind, status: 'running' };
}

/** The event that reports an end says how it came; who was stopped by its parent says nothing. */
function endOf(ref: AnyActorRef, cause: string | null): ChildStatus {
  if (cause === `xstate.error.actor.${ref.id}`) return 'error';
  if (cause === `xstate.done.actor.${ref.id}`) return 'done';
  const { status } = ref.getSnapshot();
  return status === 'done' || status === 'error' ? status : 'stopped';
}
