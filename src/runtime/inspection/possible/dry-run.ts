/** What an event would do at a moment: told to a stubbed actor there. Nothing moves, nothing is stored. */
import type { SessionEvent } from '../../../../machines/index.ts';
import { OrbitError } from '../../../errors.ts';
import type { DryRun, Json, StateValue } from '../../../protocol/inspect.ts';
import { edgeOf } from '../chart.ts';
import { createDummy, persisted, type SessionSnapshot } from '../fold/fold.ts';
import { redactText } from '../redact.ts';
import { contextView } from '../view.ts';
import { judge } from './next.ts';

/**
 * @param at  the event's time when it names none
 * @throws OrbitError `bad_request` for an event that is none or lacks what a step needs
 */
export function dryRun(
  snapshot: SessionSnapshot,
  given: { type: string; [key: string]: Json },
  at: string,
): DryRun {
  const { type } = given;
  if (typeof type !== 'string' || !/^[a-z]\w*(\.\w+)+$/i.test(type) || type.startsWith('xstate.')) {
    throw new OrbitError('bad_request', { reason: 'An event has a type such as turn.started' });
  }
  const event = { at, ...given } as unknown as SessionEvent;
  try {
    const moved = createDummy(persisted(snapshot)).tell(event);
    if (!moved.accepted) {
      const { reason, ways } = judge(snapshot, { type, at });
      const words = reason ?? 'Its payload does not pass the guards; their fields are named';
      return { possible: false, reason: words, ways };
    }
    return {
      possible: true,
      value: moved.snapshot.value as StateValue,
      changed: JSON.stringify(moved.snapshot.value) !== JSON.stringify(snapshot.value),
      edges: moved.edges ?? [],
      actions: (moved.edges ?? []).flatMap((id) => edgeOf(id)?.actions ?? []),
      facts: moved.facts,
      context: contextView(moved.snapshot.context),
    };
  } catch (error) {
    const words = redactText(error instanceof Error ? error.message : String(error), 200);
    throw new OrbitError('bad_request', {
      reason: `${type} needs fields that are missing here: ${words}`,
    });
  }
}
