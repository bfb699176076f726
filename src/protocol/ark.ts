/**
 * arktype as the server uses it; every schema takes it from here. Validators are not compiled: compiling them
 * costs 10 MiB and a fifth of the CPU time of a start, and a hook costs the same either way. What an import
 * of arktype itself brings before this file, ignores that.
 */
import './arktype-setup.ts';
import type { ArkError, ArkErrors, type } from 'arktype';

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

/** A definition without the mark that it may be left out. */
export type Unmarked<Definition> = Definition extends `${infer Whole}?`
  ? Whole
  : Definition extends readonly [infer Whole, '?']
    ? Whole
    : Definition;

/**
 * What a value of that definition is. `Names` are the nouns that it may name: an interface, so that a type shows
 * `Message[]` and not all of its fields. They are looked up and not left to arktype, whose inference, nested over
 * several nouns, goes deeper than the compiler follows.
 */
export type Value<Definition, Names = object> =
  Unmarked<Definition> extends infer Whole
    ? Whole extends keyof Names
      ? Names[Whole]
      : Whole extends `${infer Name extends keyof Names & string}[]`
        ? Names[Name][]
        : Whole extends `${infer Name extends keyof Names & string} | null`
          ? Names[Name] | null
          : type.infer<Whole, Names>
    : never;

// Mapped over names of the definition itself: that is what keeps a field's comment.
type Needed<Fields, Names, Name extends keyof Fields> = {
  -readonly [Each in Name]: Value<Fields[Each], Names>;
};
type Optional<Fields, Names, Name extends keyof Fields> = {
  -readonly [Each in Name]?: Value<Fields[Each], Names>;
};
type OptionalName<Fields> = {
  [Name in keyof Fields]: Fields[Name] extends `${string}?` | readonly [unknown, '?']
    ? Name
    : never;
}[keyof Fields];

/** What an object of these fields is. */
export type Shape<Fields, Names = object> = Needed<
  Fields,
  Names,
  Exclude<keyof Fields, OptionalName<Fields>>
> &
  Optional<Fields, Names, OptionalName<Fields>>;

/** Messages by their type, as one union; each has the fields of `Common` too. */
export type MessageOf<Definitions, Names, Common = unknown> = {
  [Tag in keyof Definitions]: Flat<{ type: Tag } & Common & Shape<Definitions[Tag], Names>>;
}[keyof Definitions];

/** The same fields, shown as one object. */
export type Flat<Fields> = { [Name in keyof Fields]: Fields[Name] } & {};
