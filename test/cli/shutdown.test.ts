/** Signals and crashes, sent by an emitter instead of the process. */
import { EventEmitter } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { closeOnSignal, exitOnCrash, superviseBy } from '../../src/cli/start.ts';
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

describe('systemd', () => {
  /** Stands for systemd's tool: notes what it gets. */
  function fakeNotify() {
    const dir = mkdtempSync(join(tmpdir(), 'orbit-notify-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const calls = join(dir, 'calls');
    writeFileSync(
      join(dir, 'systemd-notify'),
      `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${calls}'\n`,
    );
    chmodSync(join(dir, 'systemd-notify'), 0o755);
    const received = () =>
      existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];
    return { path: `${dir}:/bin:/usr/bin`, received };
  }

  it('is notified that we serve, that we work as long as we do, and that we stop', async () => {
    const { path, received } = fakeNotify();
    const env: Record<string, string | undefined> = {
      ...{ PATH: path, NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '150000' },
      WATCHDOG_PID: String(process.pid),
    };
    const warnings: string[] = [];
    const supervisor = superviseBy(env, (line) => warnings.push(line));
    // What we start is not the service.
    expect(Object.keys(env)).toEqual(['PATH']);
    let works = true;
    supervisor.ready('Serving', () =>
      works ? Promise.resolve() : Promise.reject(new Error('no')),
    );
    await vi.waitFor(() => expect(received()).toContain('/run/n WATCHDOG=1'));
    expect(received()[0]).toBe('/run/n --ready --status=Serving');
    works = false;
    await vi.waitFor(() => expect(warnings).toContain('orbitdock-server: not working: no'));
    const before = received().length;
    const said = warnings.length;
    await vi.waitFor(() => expect(warnings.length).toBeGreaterThan(said + 1));
    expect(received().length).toBeLessThanOrEqual(before + 1);
    supervisor.stopping();
    await vi.waitFor(() => expect(received().at(-1)).toBe('/run/n STOPPING=1'));
  });

  it('is notified of nothing where it did not start us', async () => {
    const { path, received } = fakeNotify();
    const supervisor = superviseBy({ PATH: path }, () => {});
    supervisor.ready('Serving', () => Promise.resolve());
    supervisor.stopping();
    expect(received()).toEqual([]);
  });
});
