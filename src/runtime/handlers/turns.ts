/** Turns: words sent and steered, and what stops or takes back. */
import { type Handlers, notBuilt } from './handler.ts';

type TurnsTag =
  | 'send_message'
  | 'steer_turn'
  | 'interrupt_session'
  | 'compact_context'
  | 'undo_last_turn'
  | 'rollback_turns';

/** Handlers of this group. */
export function createTurnsHandlers(): Handlers<TurnsTag> {
  return {
    send_message: notBuilt,
    steer_turn: notBuilt,
    interrupt_session: notBuilt,
    compact_context: notBuilt,
    undo_last_turn: notBuilt,
    rollback_turns: notBuilt,
  };
}
