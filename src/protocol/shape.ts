/**
 * From definitions to types. Nouns and messages are plain objects in arktype's language, with `?` at the end of
 * what may be left out: importing one loads no arktype and compiles nothing. Each field keeps the comment of its
 * definition, which arktype's own inference of a whole object loses.
 */
import type { type } from './ark.ts';

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
