/** What the transcript of a watched session brings: its conversation, figures and title, and no phase. */
import { beganBefore } from '../evidence.ts';
import { append, change, clip, type Draft, type EventOf, nameAfter, touch } from './step-draft.ts';

/**
 * Brings what was said. A message that a hook has brought is the same one: the store completes its row, because
 * only the rows know all that was reported.
 */
export function transcriptRead(draft: Draft, event: EventOf<'transcript.read'>): void {
  const { id: session_id } = draft.context.session;
  let { behind } = event;
  for (const message of event.messages) {
    append(draft, message, behind);
    behind = message.id;
    if (message.message_type === 'user') nameAfter(draft, message.content);
  }
  const { usage, title, model, tail } = event;
  // What is older than the turn was overtaken by what the CLI said at its start.
  const isOfTurn = !beganBefore(draft.before.turn, event.at);
  if (model !== undefined && model !== draft.before.session.model) {
    if (isOfTurn || draft.before.session.model === null) change(draft, 'model', model);
  }
  if (usage) {
    // What the transcript does not hold, another source may have reported.
    const before = draft.context.session.token_usage;
    // Neither source need have seen all of it: the larger sum holds more.
    const cost_usd = Math.max(before.cost_usd ?? 0, usage.cost_usd ?? 0);
    const token_usage = { ...before, ...usage, ...(cost_usd > 0 && { cost_usd }) };
    draft.context.session = { ...draft.context.session, token_usage };
    draft.after.push({ type: 'tokens_updated', session_id, usage: token_usage });
  }
  if (title !== undefined && title !== draft.context.session.summary) {
    change(draft, 'summary', clip(title));
  }
  if (event.compacted) draft.context.compaction = { messageId: event.compacted, isOver: true };
  if (event.dropped) takeBack(draft, event.dropped);
  if (tail) draft.notes.push({ type: 'tail_noted', session_id, ...tail });
  if (event.messages.length > 0) touch(draft);
}

/** A person went back in the conversation: what came after that leaves it. */
function takeBack(
  draft: Draft,
  { messages, prompts }: NonNullable<EventOf<'transcript.read'>['dropped']>,
): void {
  const { id: session_id } = draft.context.session;
  draft.notes.push({ type: 'messages_dropped', session_id, message_ids: messages });
  draft.after.push({ type: 'thread_rolled_back', session_id, num_turns: prompts });
}
