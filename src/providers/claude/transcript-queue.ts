/** Words that were typed while the session worked, and what else attachments bring. Pure functions. */
import {
  blocksOf,
  imagesOf,
  type Json,
  originOf,
  readUserText,
  string,
  textOf,
  type What,
} from './transcript-content.ts';

/** What of an attachment is read: a person's words, and those that a hook of ours brought. */
export function attached(attachment: Json | null): What[] {
  if (attachment?.type !== 'hook_additional_context') return queuedWords(attachment);
  if (attachment.hookEvent !== 'Stop' || !Array.isArray(attachment.content)) return [];
  const text = attachment.content.filter((one) => typeof one === 'string').join('\n');
  return [{ what: 'hook.words', text }];
}

/** Words that were typed while the session worked and that the model got within a turn. */
function queuedWords(attachment: Json | null): What[] {
  if (attachment?.type !== 'queued_command') return [];
  const blocks = blocksOf(attachment.prompt);
  const marks = { origin: attachment.origin, isMeta: attachment.isMeta };
  const meaning = readUserText(marks, textOf(blocks));
  const images = imagesOf(blocks);
  const isNotice = attachment.commandMode === 'task-notification';
  const kind = originOf(attachment.origin) ?? (isNotice ? 'task-notification' : 'human');
  if (meaning === null) return [];
  if (meaning.what !== 'text') return [meaning];
  if (kind !== 'human') return [{ what: 'notice', origin: kind, text: meaning.text }];
  const { text } = meaning;
  return [{ what: 'user.text', text, images, prompt: null, by: 'person', queued: true }];
}

const QUEUE_CHANGES: Readonly<Record<string, 'added' | 'taken' | 'removed'>> = {
  enqueue: 'added',
  dequeue: 'taken',
  remove: 'removed',
  popAll: 'removed',
};

/** A change of the queue of words that were typed while the session works. */
export function queueChange(line: Json): What[] {
  const operation = string(line.operation) ?? '';
  const text = string(line.content);
  // What the CLI queues for itself is not the person's.
  if (text !== null && readUserText({}, text)?.what === 'notice') return [];
  const change = Object.hasOwn(QUEUE_CHANGES, operation) ? QUEUE_CHANGES[operation] : undefined;
  return change === undefined ? [] : [{ what: 'queue.changed', change, text }];
}
