/**
 * What a session is called by its first prompt (contract.md 5.6): one line of it, or nothing when the prompt
 * is one that a provider writes for itself.
 */

/** Longest name made of a prompt, characters; a mark stands where it goes on. */
const NAME_CHARS = 72;
/** No more of a prompt is looked at. */
const LOOKED_AT_CHARS = 2_000;

/** Prompts of providers, in lower case: instructions and notices, not a user's words. */
const BOOTSTRAP = [
  '<environment_context>',
  '<permissions instructions>',
  '<collaboration_mode>',
  '<skill>',
  '<turn_aborted>',
  'the user interrupted the previous turn on purpose',
  'agents.md instructions for',
];

/** A name from a prompt; null when it says nothing or is not a user's. Never half a character. */
export function nameFromPrompt(prompt: string): string | null {
  const words = firstWords(prompt);
  if (words === null || words.length <= NAME_CHARS) return words;
  const last = words.charCodeAt(NAME_CHARS - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return `${words.slice(0, splitsPair ? NAME_CHARS - 1 : NAME_CHARS)}…`;
}

/** The beginning of a user's prompt in one line; null for what is none. */
export function firstWords(prompt: string): string | null {
  const head = prompt.slice(0, LOOKED_AT_CHARS);
  const lower = head.toLowerCase();
  if (BOOTSTRAP.some((mark) => lower.includes(mark))) return null;
  return head.replace(/\s+/g, ' ').trim() || null;
}
