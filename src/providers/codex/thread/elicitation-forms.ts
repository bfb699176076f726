/**
 * Forms that MCP servers ask to fill in: fields of a schema as questions, texts back as values. What is
 * not a valid value is refused with its reason. Pure.
 */
import type { Question } from '../../../protocol/nouns.ts';

/** One field of a form. */
export interface FormField {
  key: string;
  label: string;
  kind: 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'choices';
  /** What may be chosen: the value and how it is shown. */
  options: Array<{ value: string; label: string }>;
  isRequired: boolean;
}

interface LooseSchema {
  type?: unknown;
  title?: unknown;
  description?: unknown;
  enum?: unknown;
  enumNames?: unknown;
  oneOf?: unknown;
  items?: { enum?: unknown; anyOf?: unknown };
}

/** The fields of a form's schema, in its order; what is no schema has none. */
export function fieldsOf(schema: unknown): FormField[] {
  const { properties, required } = (schema ?? {}) as { properties?: object; required?: unknown };
  const isRequired = (key: string) => Array.isArray(required) && required.includes(key);
  return Object.entries(properties ?? {}).map(([key, field]) => {
    const { title, description } = field as LooseSchema;
    const words = [title, description].filter((text) => typeof text === 'string');
    return {
      key,
      label: words.join(': ') || key,
      ...valuesOf(field as LooseSchema),
      isRequired: isRequired(key),
    };
  });
}

function valuesOf(schema: LooseSchema): Pick<FormField, 'kind' | 'options'> {
  const { type, items } = schema;
  if (type === 'array') return { kind: 'choices', options: optionsOf(items ?? {}) };
  const options = optionsOf(schema);
  if (options.length > 0) return { kind: 'choice', options };
  if (type === 'boolean') {
    return {
      kind: 'boolean',
      options: ['true', 'false'].map((value) => ({ value, label: value })),
    };
  }
  const kind = type === 'number' || type === 'integer' ? type : 'text';
  return { kind, options: [] };
}

function optionsOf(schema: LooseSchema & { anyOf?: unknown }): FormField['options'] {
  const titled = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(titled)) {
    return titled.map(({ const: value, title }: { const: string; title?: string }) => ({
      value,
      label: title ?? value,
    }));
  }
  if (!Array.isArray(schema.enum)) return [];
  const names = Array.isArray(schema.enumNames) ? schema.enumNames : [];
  return schema.enum.map((value, at) => ({
    value: String(value),
    label: names[at] ?? String(value),
  }));
}

/** The fields as questions. */
export function formFrom(fields: readonly FormField[]): Question[] {
  return fields.map(({ key, label, kind, options }) => ({
    id: key,
    question: label,
    options: options.map((option) => ({ label: option.label })),
    multi_select: kind === 'choices',
  }));
}

/** Texts as the values the form wants, or why they are not. Several choices are parted by commas. */
export function formValues(
  fields: readonly FormField[],
  texts: ReadonlyMap<string, string>,
): { values: Record<string, unknown> } | { refusal: string } {
  const values: Record<string, unknown> = {};
  for (const field of fields) {
    const text = texts.get(field.key);
    if (text === undefined || text === '') {
      if (field.isRequired) return { refusal: `${field.label} needs an answer` };
      continue;
    }
    const value = readValue(field, text);
    if (value === undefined) return { refusal: `${field.label} cannot be ${JSON.stringify(text)}` };
    values[field.key] = value;
  }
  return { values };
}

function readValue({ kind, options }: FormField, text: string): unknown {
  const chosen = (name: string) =>
    options.find(({ value, label }) => value === name || label === name)?.value;
  switch (kind) {
    case 'text':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'choice':
      return chosen(text);
    case 'choices': {
      const all = text.split(',').map((name) => chosen(name.trim()));
      return all.includes(undefined) ? undefined : all;
    }
    default: {
      const number = Number(text);
      const isGood = kind === 'integer' ? Number.isSafeInteger(number) : Number.isFinite(number);
      return isGood ? number : undefined;
    }
  }
}
