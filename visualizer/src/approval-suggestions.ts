/**
 * The rules that Claude Code suggests for "always", in words: what is approved for longer is shown before it is
 * sent. What is not known is shown as it came.
 */
import type { ApprovalRequest } from '../../src/protocol/nouns.ts';

/** A change of the CLI's rules. */
export interface Suggestion {
  words: string;
  /** It ends with the session. */
  isOfSession: boolean;
}

/** The suggestions of a request, in their order; none where there are none or they are not readable. */
export function suggestionsOf({ suggestions }: ApprovalRequest): Suggestion[] {
  if (suggestions === undefined) return [];
  let list: unknown;
  try {
    list = JSON.parse(suggestions);
  } catch {
    // Cut because of its length: what it would allow cannot be shown, so it is not offered.
    return [];
  }
  return Array.isArray(list) ? list.map(suggestionFrom) : [];
}

function suggestionFrom(value: unknown): Suggestion {
  const one = (value ?? {}) as Record<string, unknown>;
  return { words: wordsOf(one), isOfSession: one.destination === 'session' };
}

function wordsOf(one: Record<string, unknown>): string {
  const { type, rules, mode, directories, behavior } = one;
  if (type === 'addRules' && Array.isArray(rules)) {
    return `${String(behavior)} ${rules.map(ruleWords).join(', ')}`;
  }
  if (type === 'setMode') return `mode ${String(mode)}`;
  if (type === 'addDirectories' && Array.isArray(directories)) {
    return `access to ${directories.join(', ')}`;
  }
  return JSON.stringify(one);
}

function ruleWords(rule: unknown): string {
  const { toolName, ruleContent } = (rule ?? {}) as Record<string, unknown>;
  return ruleContent === undefined
    ? String(toolName)
    : `${String(toolName)}(${String(ruleContent)})`;
}
