/**
 * What comes in: JSON values to checked messages, or the refusal that says what is wrong. Never throws
 * for bad input. Importing this file loads arktype; the server does so at the first message of a client.
 */
import { OrbitError } from '../errors.ts';
import { closed, scope, type, validationErrorsOf } from './ark.ts';
import { CLIENT_TYPES, type ClientMessage, schemaOf } from './client.ts';
import { convertHook, isHookType } from './hook-body.ts';
import { wellFormed } from './json-scan.ts';
import {
  MANUAL_EVENT_TYPES,
  MANUAL_EVENTS,
  MANUAL_NOUNS,
  type ManualEvent,
} from './manual-event.ts';

/**
 * Checks one message of a client. Unknown keys are ignored, optional ones may be null.
 *
 * @returns the message, or OrbitError `parse_error` (unknown type, wrong shape)
 */
export function decode(value: unknown): ClientMessage | OrbitError {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return new OrbitError('parse_error', { reason: 'a message is a JSON object with a `type`' });
  }
  const { type: tag } = value as { type?: unknown };
  if (typeof tag !== 'string') {
    return new OrbitError('parse_error', { reason: 'missing field `type`' });
  }
  const schema = schemaOf(tag);
  if (schema === null) {
    const reason = `unknown type ${clip(JSON.stringify(tag), 80)}, expected one of ${CLIENT_TYPES.join(', ')}`;
    return new OrbitError('parse_error', { reason });
  }
  let checked = schema(value);
  if (checked instanceof type.errors && isHookType(tag)) checked = schema(convertHook(value));
  if (checked instanceof type.errors) {
    return new OrbitError('parse_error', {
      reason: `${tag}: ${validationErrorsOf(checked, 'value')}`,
    });
  }
  return wellFormed(checked as ClientMessage);
}

/**
 * Checks an event that a person sends to a session's chart.
 *
 * @returns the event, or OrbitError `bad_request` that names the fields
 */
export function decodeManualEvent(value: { type: string }): ManualEvent | OrbitError {
  const tag = MANUAL_EVENT_TYPES.find((one) => one === value.type);
  if (tag === undefined) {
    const reason = `${clip(value.type, 80)} cannot be sent by hand; these can: ${MANUAL_EVENT_TYPES.join(', ')}`;
    return new OrbitError('bad_request', { reason });
  }
  const event = { type: `'${tag}'`, at: 'string?', ...MANUAL_EVENTS[tag] };
  // A closed definition is data to the compiler; its type is that of `ManualEvent`.
  const names = scope(closed(MANUAL_NOUNS) as object);
  const schema = names.type(closed(event) as never) as unknown as (
    value: unknown,
  ) => ManualEvent | type.errors;
  const checked = schema(value);
  if (checked instanceof type.errors) {
    return new OrbitError('bad_request', {
      reason: `${tag}: ${validationErrorsOf(checked, 'value')}`,
    });
  }
  return wellFormed(checked);
}

function clip(text: string, chars: number): string {
  return text.length > chars ? `${text.slice(0, chars)}…` : text;
}
