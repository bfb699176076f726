/** JSON Schema in words: the type of a field as a cell of a Markdown table. */

/** As much of a JSON Schema as the schemas of the wire use. */
export interface Schema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  $ref?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
}

/** A field of an object. */
export interface Field {
  name: string;
  type: string;
  isOptional: boolean;
}

/** Fields of an object, the needed ones first, as the schema has them. */
export function fieldsOf({ properties = {}, required = [] }: Schema): Field[] {
  const fields = Object.entries(properties).map(([name, schema]) => ({
    name,
    type: typeOf(schema),
    isOptional: !required.includes(name),
  }));
  return [...fields.filter((one) => !one.isOptional), ...fields.filter((one) => one.isOptional)];
}

/** The type of a value; nouns are links to their section. */
export function typeOf(schema: Schema): string {
  if (schema.$ref) return linkTo(schema.$ref);
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((one) => `\`${JSON.stringify(one)}\``).join(' or ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object') return objectType(schema);
  if (schema.type === 'integer') return `integer${limits(schema.minimum, schema.maximum)}`;
  if (schema.type === 'string') return `string${lengths(schema)}`;
  return schema.type ?? 'anything';
}

function objectType({ properties, required = [], additionalProperties }: Schema): string {
  if (properties) {
    const parts = Object.entries(properties).map(
      ([name, one]) => `\`${name}\`${required.includes(name) ? '' : ' (optional)'}: ${typeOf(one)}`,
    );
    return `{ ${parts.join(', ')} }`;
  }
  const each = typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'anything';
  return `object of ${each} by name`;
}

function linkTo(ref: string): string {
  const name = ref.slice(ref.lastIndexOf('/') + 1);
  return `[${name}](#${name.toLowerCase()})`;
}

function limits(minimum: number | undefined, maximum: number | undefined): string {
  const isAny = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER;
  if (minimum === undefined || minimum < 0) return '';
  return isAny ? ` from ${minimum}` : ` ${minimum} to ${maximum}`;
}

function lengths({ minLength, maxLength }: Schema): string {
  if (maxLength !== undefined) return ` of ${minLength ?? 0} to ${maxLength} characters`;
  return minLength ? ', not empty' : '';
}
