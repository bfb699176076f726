/** Signals and crashes, told by an emitter instead of the process. */
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { closeOnSignal, exitOnCrash } from '../../src/cli/start.ts';
import { resolveConfig } from '../../src/config.ts';
import { openDataDirectory } from '../../src/files.ts';
import { Home, until } from './support.ts';

let exits: number[];
let warnings: string[];
let events: EventEmitter;

beforeEach(() => {
  exits = [];
  warnings = [];
  events = new EventEmitter();
});

const surroundings = (closeWithinMs = 60_000) => ({
  events,
  exit: (code: number) => void exits.push(code),
  warn: (line: string) => void warnings.push(line),
  closeWithinMs,
});
const never = { close: () => new Promise<void>(() => {}) };

it.each(['SIGTERM', 'SIGINT'])('closes on %s and ends with 0', async (signal) => {
  let closed = 0;
  const ended = closeOnSignal(
    Promise.resolve({ close: async () => void closed++ }),
    surroundings(),
  );
  events.emit(signal, signal);
  expect(await ended).toBe(0);
  expect(closed).toBe(1);
  expect(events.eventNames()).toEqual([]);
});

it('closes a server that was still starting when the signal came, and ends with 0', async () => {
  let closed = 0;
  let started = (_: { close(): Promise<void> }): void => {};
  const opening = new Promise<{ close(): Promise<void> }>((resolve) => {
    started = resolve;
  });
  const ended = closeOnSignal(opening, surroundings());
  events.emit('SIGTERM', 'SIGTERM');
  expect(closed).toBe(0);
  started({ close: async () => void closed++ });
  expect(await ended).toBe(0);
  expect(closed).toBe(1);
});

it('leaves anyway when closing takes too long', async () => {
  const ended = closeOnSignal(Promise.resolve(never), surroundings(1));
  events.emit('SIGTERM', 'SIGTERM');
  expect(await ended).toBe(0);
  expect(warnings.join()).toContain('leaving anyway');
});

it('leaves at once on the second signal', () => {
  void closeOnSignal(Promise.resolve(never), surroundings());
  events.emit('SIGTERM', 'SIGTERM');
  events.emit('SIGINT', 'SIGINT');
  events.emit('SIGTERM', 'SIGTERM');
  expect(exits).toEqual([130, 143]);
});

it('passes on what closing throws', async () => {
  const ended = closeOnSignal(
    Promise.resolve({ close: () => Promise.reject(new Error('bug')) }),
    surroundings(),
  );
  events.emit('SIGINT', 'SIGINT');
  await expect(ended).rejects.toThrow('bug');
});

let home: Home | undefined;
afterEach(() => home?.remove());

it.each(['uncaughtException', 'unhandledRejection'])(
  'writes %s down and ends with 70',
  async (name) => {
    home = new Home();
    openDataDirectory(home.paths);
    const env = { ORBITDOCK_TRUNCATE_SERVER_LOG_ON_START: '1' };
    const config = resolveConfig({ flags: { dataDir: home.paths.dir }, env, home: home.dir });
    exitOnCrash(config, surroundings());
    events.emit(name, new Error('the bug'));
    await until(() => exits.length > 0);
    expect(exits).toEqual([70]);
    const last = readFileSync(home.paths.log, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ level: 'FATAL', error: 'the bug' });
  },
);
