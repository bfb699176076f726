/**
 * arktype as the server uses it; every schema takes it from here. Validators are not compiled: compiling them
 * costs 10 MiB and a fifth of the CPU time of a start, and a hook costs the same either way. What an import
 * of arktype itself brings before this file, ignores that.
 */
import './arktype-setup.ts';
import type { ArkError, ArkErrors } from 'arktype';

export { scope, type } from 'arktype';

/** The same definition without room for other keys, also in the objects within it. */
export function closed(definition: unknown): unknown {
  if (Array.isArray(definition)) return definition.map(closed);
  if (typeof definition !== 'object' || definition === null) return definition;
  const fields = Object.entries(definition).map(([name, one]) => [name, closed(one)]);
  return { '+': 'reject', ...Object.fromEntries(fields) };
}

const MAX_CHARS = 400;

/**
 * What is wrong with a value, in words: which field and what it must be, never what was in it, for a value may be
 * a secret.
 *
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
