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
