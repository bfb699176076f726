/**
 * What is wrong with a value, in words: which field and what it must be, never what was in it, for a value may be a
 * secret. Also lists of fields that several readers of a session share, checked against the wire types.
 */
import type { ArkError, ArkErrors } from './ark.ts';

const MAX_CHARS = 400;

/**
 * @param whole  what the value as a whole is called
 * @returns one clause for each field, cut at 400 characters
 */
export function validationErrorsOf(errors: ArkErrors, whole: string): string {
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

/**
 * Half characters. JSON may say `"\ud83d"`, the first half of an emoji; such a text cannot be written as
 * UTF-8, so disk and wire would each make something else of it, and Apple's decoder refuses the frame.
 */

const HALF = /\p{Surrogate}/u;
const HALVES = /\p{Surrogate}/gu;

/**
 * Puts U+FFFD for every half character in the texts of a parsed JSON value.
 *
 * @param value changed in place; nested no deeper than the scan lets through
 * @returns the value, or its repaired copy when it is itself a text
 */
export function wellFormed<Value>(value: Value): Value {
  if (typeof value === 'string') {
    return (HALF.test(value) ? value.replace(HALVES, '\uFFFD') : value) as Value;
  }
  if (value === null || typeof value !== 'object') return value;
  const parts = value as Record<string, unknown>;
  for (const key of Object.keys(parts)) {
    const part = parts[key];
    const repaired = wellFormed(part);
    if (repaired !== part) parts[key] = repaired;
  }
  return value;
}
