/**
 * The wire as files, one a message: whoever changes what is sent or understood sees it in a diff. They
 * must be what the schemas and the encoder say, and what the desktop app can read.
 *
 * After a change that is meant: `UPDATE_GOLDEN=1 npx vitest run --config test/vitest.config.ts test/protocol`,
 * then `npx biome check --write test/protocol`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLIENT_TYPES } from '../../src/protocol/client.ts';
import { decode } from '../../src/protocol/codec.ts';
import { encode } from '../../src/protocol/encode.ts';
import { SERVER_TYPES, validationErrorOf } from '../../src/protocol/schemas.ts';
import type { ServerMessage } from '../../src/protocol/server.ts';
import { CLIENT_MESSAGES } from '../support/client-messages.ts';
import { ADDITIVE, decodeAsApp } from '../support/desktop/frames.ts';
import { SERVER_MESSAGES } from '../support/server-messages.ts';

const GOLDEN = new URL('./golden/', import.meta.url);

/** The file of a message. */
function golden(side: 'client' | 'server', type: string): { type: string } {
  return JSON.parse(readFileSync(new URL(`${side}/${type}.json`, GOLDEN), 'utf8'));
}

/** Writes the file anew when that is asked for. */
function update(side: 'client' | 'server', message: { type: string }): void {
  if (!process.env.UPDATE_GOLDEN) return;
  const folder = new URL(`${side}/`, GOLDEN);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${message.type}.json`, folder), `${JSON.stringify(message, null, 2)}\n`);
}

/** Names of the files of one side. */
function filesOf(side: 'client' | 'server'): string[] {
  return readdirSync(new URL(`${side}/`, GOLDEN)).sort();
}

const FACTS = new Set<string>(
  Object.keys(SERVER_MESSAGES).filter(
    (type) => validationErrorOf({ ...example(type), revision: 7 }) === null,
  ),
);

function example(type: string): ServerMessage {
  return SERVER_MESSAGES[type as ServerMessage['type']];
}

describe('a message of a client', () => {
  it.each(CLIENT_TYPES)('%s is understood as it stands in its file', (type) => {
    const message = { type, ...CLIENT_MESSAGES[type as keyof typeof CLIENT_MESSAGES] };
    update('client', message);
    const file = golden('client', type);
    expect(file).toEqual(message);
    expect(decode(file)).toEqual(message);
  });
});

describe('a message of the server', () => {
  it.each(SERVER_TYPES)('%s is written as it stands in its file', (type) => {
    const frame = JSON.parse(encode(example(type), FACTS.has(type) ? 7 : undefined));
    update('server', frame);
    const file = golden('server', type);
    expect(frame).toEqual(file);
    expect(validationErrorOf(file)).toBeNull();
  });

  it.each(SERVER_TYPES)('%s can be read by the desktop app, or came after it', (type) => {
    const isAdditive = (ADDITIVE as readonly string[]).includes(type);
    const decoded = decodeAsApp(JSON.stringify(golden('server', type)));
    expect(decoded).toMatchObject({ kind: isAdditive ? 'unknown' : 'known' });
  });
});

it('has a file for every message and none besides', () => {
  const named = (types: readonly string[]) => types.map((type) => `${type}.json`).sort();
  expect(filesOf('client')).toEqual(named(CLIENT_TYPES));
  expect(filesOf('server')).toEqual(named(SERVER_TYPES));
  expect(SERVER_TYPES.length - ADDITIVE.length).toBe(41);
});

describe('the schema of a message', () => {
  it('refuses a key that nobody declared, a missing one and a word outside a closed set', () => {
    const wrong: Array<[ServerMessage['type'], (frame: Record<string, object>) => unknown]> = [
      ['session_delta', (frame) => Object.assign(frame.changes ?? {}, { mood: 'good' })],
      ['message_appended', (frame) => Reflect.deleteProperty(frame.message ?? {}, 'content')],
      ['tokens_updated', (frame) => Object.assign(frame.usage ?? {}, { input_tokens: -1 })],
      ['session_created', (frame) => Object.assign(frame.session ?? {}, { work_status: 'x' })],
      ['sessions_list', (frame) => Object.assign(frame, { revision: 7 })],
    ];
    for (const [type, spoil] of wrong) {
      const frame = structuredClone(SERVER_MESSAGES[type]) as never;
      expect(validationErrorOf(frame)).toBeNull();
      spoil(frame);
      expect(validationErrorOf(frame), type).toContain(type);
    }
    expect(validationErrorOf({ type: 'make_coffee' })).toContain('make_coffee');
    expect(validationErrorOf(null)).not.toBeNull();
  });
});
