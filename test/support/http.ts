/**
 * The HTTP client of the tests. Every answer it gets must be one that the OpenAPI document names for this
 * operation, status and body, and hold no field that the document does not name.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { CODES } from '../../src/errors.ts';
import { openApiDocument } from '../../src/protocol/documents.ts';

type Json = Record<string, unknown>;

/** An answer, read. */
export interface HttpAnswer {
  status: number;
  /** Null where there is none. */
  body: Json;
  headers: Headers;
}

/** @throws when the answer is not one that the document names: fails whatever test runs */
export async function request(
  url: string,
  path: string,
  init: RequestInit = {},
): Promise<HttpAnswer> {
  const answer = await fetch(url + path, init);
  const text = await answer.text();
  const body = text === '' ? null : JSON.parse(text);
  const flaw = flawOfAnswer(init.method ?? 'GET', path, answer.status, body);
  if (flaw) throw new Error(`${init.method ?? 'GET'} ${path}: ${flaw}`);
  return { status: answer.status, body, headers: answer.headers };
}

interface Operation {
  responses: Record<string, { content?: { 'application/json': { schema: Json } } }>;
}

type Document = { paths: Record<string, Record<string, Operation>> };

let document: Document | null = null;
const ajv = new Ajv2020({ strict: false });

/** What is wrong with an answer, in words; null when the document names it. */
export function flawOfAnswer(
  method: string,
  path: string,
  status: number,
  body: unknown,
): string | null {
  const operation = operationAt(method, path.split('?', 1)[0] ?? '');
  // Paths and methods that are none of the operations are refused in the one shape of errors.
  if (operation === null)
    return status < 400 ? 'answered, but not in the document' : flawOfCode(body);
  const received = operation.responses[status];
  if (!received) return `${status} is not in the document: ${JSON.stringify(body)}`;
  const schema = received.content?.['application/json'].schema;
  if (!schema) return body === null ? null : `${status} has a body, none is documented`;
  if (!ajv.validate(schema, body)) return `${status}: ${ajv.errorsText()}`;
  return status < 400 ? null : flawOfCode(body);
}

function flawOfCode(body: unknown): string | null {
  const { error, code } = body as { error: { code?: string } | string; code?: string };
  const given = typeof error === 'string' ? code : error.code;
  return (CODES as readonly unknown[]).includes(given) ? null : `no such code: ${given}`;
}

function operationAt(method: string, path: string): Operation | null {
  document ??= closedDocument();
  const { paths } = document;
  for (const [template, operations] of Object.entries(paths)) {
    const pattern = new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`);
    if (pattern.test(path)) return operations[method.toLowerCase()] ?? null;
  }
  return null;
}

/** The document with objects that hold nothing but what is named, and references that Ajv can follow. */
function closedDocument(): Document {
  const closed = close(openApiDocument('0.0.0')) as { components: object };
  ajv.addSchema({ $id: 'document', ...closed });
  return JSON.parse(JSON.stringify(closed).replaceAll('"#/', '"document#/'));
}

function close(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(close);
  if (typeof value !== 'object' || value === null) return value;
  const parts = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, close(one)]));
  const isClosed = parts.type === 'object' && parts.properties !== undefined;
  return isClosed ? { additionalProperties: false, ...parts } : parts;
}
