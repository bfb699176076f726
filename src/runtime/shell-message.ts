/** A command as its message shows it: while it runs, and when it is over. Called by shells.ts. */
import { entry, wireTime } from '../protocol/entry.ts';
import type { Message, MessageChanges } from '../protocol/nouns.ts';
import type { ShellOutput } from '../protocol/server.ts';

/** The message that carries a command and, later, its output. */
export function commandMessage(
  id: string,
  { sessionId, command }: { sessionId: string; command: string },
  at: string,
): Message {
  return entry({
    id,
    session_id: sessionId,
    message_type: 'shell',
    content: command,
    timestamp: wireTime(at),
    is_in_progress: true,
  });
}

/** Both streams as one text, the errors behind (contract.md 2.4). */
export function combined(stdout: string, stderr: string): string {
  return [stdout, stderr].filter(Boolean).join('\n');
}

/** What the end of a command changes on its message. @param command its text, null where it is not known any more */
export function changesAtEnd(
  command: string | null,
  { stdout, stderr, exit_code, duration_ms, outcome }: ShellOutput,
): MessageChanges {
  return {
    // Repeated, because the app reads a duration only beside a content.
    ...(command !== null && { content: command }),
    tool_output: combined(stdout, stderr),
    is_error: exit_code !== 0,
    is_in_progress: false,
    // Nobody knows how long a command took whose end nobody saw.
    ...((outcome !== 'interrupted' || duration_ms > 0) && { duration_ms }),
  };
}
