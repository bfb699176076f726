/**
 * What is wrong with a value, in words: which field and what it must be, never what was in it, for a value
 * may be a secret. Called wherever a schema refuses.
 */
import type { ArkError, ArkErrors } from './ark.ts';

const MAX_CHARS = 400;

/**
 * @param whole  what the value as a whole is called
 * @returns one clause for each field, cut at 400 characters
 */
export function flawsOf(errors: ArkErrors, whole: string): string {
  const clauses = [...errors].flatMap((error) => clausesOf(error, whole));
  const text = clauses.join('; ');
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text;
}

function clausesOf(error: ArkError, whole: string): string[] {
  // What arktype itself says of alternatives quotes the value.
  if (error.hasCode('union')) {
    const alternatives = error.errors.flatMap((one) => clausesOf(one, whole));
    return [[...new Set(alternatives)].join(' or ')];
  }
  if (error.hasCode('intersection')) return error.errors.flatMap((one) => clausesOf(one, whole));
  return [`${error.propString || whole} must be ${error.expected}`];
}
