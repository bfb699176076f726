/** A client's words as Codex takes them: text, pictures, skills, mentions. Pure. */
import type { ConnectorCommand } from '../../../../machines/session-facts.ts';
import type { UserInput } from '../protocol/generated/v2/UserInput.ts';

/**
 * The input of a turn. Codex keeps a mention but does not show it to the model (codex.md 3.4), so its path
 * stands in the text too, unless the words name it already.
 */
export function inputOf(order: Extract<ConnectorCommand, { type: 'turn.run' }>): UserInput[] {
  const { content, images, skills, mentions } = order;
  const unnamed = mentions.filter(({ path }) => !content.includes(path));
  const text = [content, ...unnamed.map(({ path }) => path)].filter(Boolean).join('\n');
  return [
    ...(text === '' ? [] : [textInput(text)]),
    ...images.map(
      ({ input_type, value }): UserInput =>
        input_type === 'path' ? { type: 'localImage', path: value } : { type: 'image', url: value },
    ),
    ...skills.map(({ name, path }): UserInput => ({ type: 'skill', name, path })),
    ...mentions.map(({ name, path }): UserInput => ({ type: 'mention', name, path })),
  ];
}

/** Plain words. */
export function textInput(text: string): UserInput {
  return { type: 'text', text, text_elements: [] };
}
