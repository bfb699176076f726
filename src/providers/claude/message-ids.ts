/**
 * How messages of a Claude session are named, so that a hook and the transcript give the same message the same
 * id, whoever is first. A prompt has an id of its own in both. A hook tells the last words of a turn without an
 * id: they are named by the prompt and what they say.
 */
import { hash } from 'node:crypto';

/** Words of a person or of the model. */
export interface Words {
  session_id: string;
  /** The provider's id of the prompt that they are, or that they answer. */
  prompt_id: string;
  by: 'user' | 'assistant';
  content: string;
}

/** @param nth  the same words were said so many times before in answer to the same prompt */
export function idOfWords({ session_id, prompt_id, by, content }: Words, nth = 0): string {
  if (by === 'user') return `${session_id}:user:${prompt_id}`;
  const digest = hash('sha256', content.trim(), 'hex').slice(0, 16);
  const place = nth === 0 ? '' : `:${nth + 1}`;
  return `${session_id}:assistant:${prompt_id}:${digest}${place}`;
}

/** A line of a transcript that no hook tells, or a block of it. */
export function idOfLine(session_id: string, uuid: string, part = ''): string {
  return part === '' ? `${session_id}:${uuid}` : `${session_id}:${uuid}:${part}`;
}
