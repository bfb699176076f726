/** Entries of a conversation and their times, as the wire writes them. For all who make messages. */
import type { Message } from './nouns.ts';

/** An entry of the conversation; what is not named is empty. */
export function entry(
  given: Pick<Message, 'id' | 'session_id' | 'message_type' | 'content' | 'timestamp'> &
    Partial<Message>,
): Message {
  return {
    tool_name: null,
    tool_input: null,
    tool_output: null,
    is_error: false,
    duration_ms: null,
    ...given,
  };
}

/** Milliseconds instead of a stamp's microseconds: `2026-01-01T00:00:00.123456Z` to `…123Z`. */
export function wireTime(stamp: string): string {
  return `${stamp.slice(0, 23)}Z`;
}
