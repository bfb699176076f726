/**
 * Prompts that a person keeps for later. In this browser, as filters and pins are: they are texts of one person, and
 * a server may be shared by several.
 */
import { storedSignal } from './local-storage.ts';

/** A prompt that is kept. */
export interface PromptTemplate {
  name: string;
  text: string;
}

/** Longest name, characters. */
const NAME_CHARS = 60;

/** All that are kept, by name. */
export const promptTemplates = storedSignal<readonly PromptTemplate[]>('templates', [], (stored) =>
  Array.isArray(stored) ? stored.filter(isTemplate) : undefined,
);

/** Keeps a text under its first line; one of the same name is replaced. */
export function keepTemplate(text: string): void {
  const whole = text.trim();
  if (whole === '') return;
  const [first = ''] = whole.split('\n', 1);
  const name = first.length > NAME_CHARS ? `${first.slice(0, NAME_CHARS - 1)}…` : first;
  const others = promptTemplates.peek().filter((one) => one.name !== name);
  promptTemplates.value = [...others, { name, text: whole }].sort((one, other) =>
    one.name.localeCompare(other.name),
  );
}

/** Keeps it no longer. */
export function forgetTemplate({ name }: PromptTemplate): void {
  promptTemplates.value = promptTemplates.peek().filter((one) => one.name !== name);
}

function isTemplate(one: Partial<PromptTemplate> | null): one is PromptTemplate {
  return typeof one?.name === 'string' && typeof one.text === 'string';
}
