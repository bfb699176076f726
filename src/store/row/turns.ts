/**
 * Messages and diffs by the provider's turn they belong to: noted when it is known, dropped with the turn.
 * Called by rows.ts, which owns the switch.
 */
import type { TurnNoted, TurnsDropped } from '../../../machines/session-facts.ts';
import type { Sqlite } from '../database.ts';
import { countUp, type SessionDraft } from './draft.ts';

/** The statements of one connection, prepared once. */
export function createTurnRows(database: Sqlite) {
  const noteMessage = database.prepare(
    'UPDATE messages SET provider_turn_id = ? WHERE id = ? AND session_id = ?',
  );
  const noteDiff = database.prepare(
    'UPDATE turn_diffs SET provider_turn_id = ? WHERE turn_id = ? AND session_id = ?',
  );
  const dropMessages = database.prepare(
    'DELETE FROM messages WHERE session_id = ? AND provider_turn_id = ?',
  );
  const dropDiffs = database.prepare(
    'DELETE FROM turn_diffs WHERE session_id = ? AND provider_turn_id = ?',
  );
  return {
    /** Notes the turn of a message, of a diff, or of both. */
    note({ session_id, provider_turn_id, message_id, turn_id }: TurnNoted): void {
      if (message_id !== undefined) noteMessage.run(provider_turn_id, message_id, session_id);
      if (turn_id !== undefined) noteDiff.run(provider_turn_id, turn_id, session_id);
    },
    /** Takes away what belongs to these turns; comments on them stay. */
    drop(draft: SessionDraft, { session_id, provider_turn_ids }: TurnsDropped): void {
      for (const id of provider_turn_ids) {
        const { changes } = dropMessages.run(session_id, id);
        countUp(draft, 'message_count', -changes);
        dropDiffs.run(session_id, id);
      }
    },
  };
}
