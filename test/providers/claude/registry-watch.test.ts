import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { statOf } from '../../../src/providers/claude/process.ts';
import { RegistryWatch } from '../../../src/providers/claude/registry-watch.ts';
import type { KnownProcess, WatchReport } from '../../../src/providers/reports.ts';

let folder: string;
let homes: string[];
let reports: WatchReport[];
let warnings: string[];
let errors: unknown[];
let watch: RegistryWatch | null;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'registry-'));
  homes = [join(folder, 'one'), join(folder, 'two')];
  for (const home of homes) mkdirSync(join(home, 'sessions'), { recursive: true });
  reports = [];
  warnings = [];
  errors = [];
  children = [];
  watch = null;
});
afterEach(async () => {
  await watch?.close();
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  expect(errors).toEqual([]);
});

/** Watches; looks on its own only every 20 seconds, so that a notification is what a test sees. */
async function start(known: KnownProcess[] = [], everyMs = 20_000): Promise<RegistryWatch> {
  watch = new RegistryWatch({
    homes,
    known,
    everyMs,
    onReports: (more) => reports.push(...more),
    onWarning: (path, reason) => warnings.push(`${path.slice(folder.length)} ${reason}`),
    onError: (error) => errors.push(error),
  });
  await watch.start();
  return watch;
}

/** A process that lives until it is killed, and its registry file. */
async function cli(sessionId: string, home = homes[0] as string) {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  const pid = child.pid as number;
  const path = join(home, 'sessions', `${pid}.json`);
  const procStart = statOf(pid)?.start as string;
  let stamp = 1_700_000_000_000;
  const write = (status: string, more: object = {}): void => {
    stamp += 1;
    const content = {
      pid,
      sessionId,
      procStart,
      startedAt: 1,
      status,
      statusUpdatedAt: stamp,
      ...more,
    };
    writeFileSync(path, JSON.stringify(content));
  };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { child, pid, procStart, path, write, kill };
}

const states = (): string[] =>
  reports.flatMap((report) => (report.what === 'session.state' ? [report.state] : []));
const ends = (): string[] =>
  reports.flatMap((report) => (report.what === 'process.gone' ? [report.reason] : []));

describe('the watch of the registry', () => {
  it('reports each change of a file at once, in every home', async () => {
    await start();
    const one = await cli('s-1');
    const two = await cli('s-2', homes[1]);
    one.write('idle');
    await expect.poll(states).toEqual(['idle']);
    one.write('busy');
    await expect.poll(states).toEqual(['idle', 'working']);
    two.write('waiting', { waitingFor: 'permission prompt' });
    await expect.poll(states).toEqual(['idle', 'working', 'waiting']);
  });

  it('finds out that a process was killed, which nothing notifies', async () => {
    const one = await cli('s-1');
    one.write('busy');
    await start([], 50);
    await one.kill();
    await expect.poll(ends).toEqual(['killed']);
  });

  it('reports a removed file as an exit, also while the process still ends', async () => {
    const one = await cli('s-1');
    one.write('idle');
    await start();
    rmSync(one.path);
    await expect.poll(ends).toEqual(['exited']);
  });

  it('reads a torn file again and never takes it for an end', async () => {
    const one = await cli('s-1');
    one.write('idle');
    await start();
    writeFileSync(one.path, '{"pid":');
    await watch?.check();
    expect(ends()).toEqual([]);
    one.write('busy');
    await expect.poll(states).toEqual(['idle', 'working']);
  });

  it('sees a home that is made after the start', async () => {
    rmSync(homes[1] as string, { recursive: true });
    await start([], 50);
    mkdirSync(join(homes[1] as string, 'sessions'), { recursive: true });
    const one = await cli('s-1', homes[1]);
    one.write('idle');
    await expect.poll(states).toEqual(['idle']);
  });

  it('reports processes that ended while the server was down, and follows the others to their end', async () => {
    const [dead, alive] = [await cli('dead'), await cli('alive')];
    await dead.kill();
    const known = (of: typeof dead, sessionId: string) => ({
      sessionId,
      pid: of.pid,
      start: of.procStart,
    });
    await start([known(dead, 'dead'), known(alive, 'alive')], 50);
    const gone = () =>
      reports.filter(({ what }) => what === 'process.gone').map((r) => r.sessionId);
    expect(gone()).toEqual(['dead']);
    await alive.kill();
    await expect.poll(gone).toEqual(['dead', 'alive']);
  });

  it('reports that a process is stopped by a signal, and that it goes on', async () => {
    const one = await cli('s-1');
    one.write('busy');
    await start([], 50);
    const suspended = () =>
      reports.flatMap((report) => (report.what === 'process.suspended' ? [report.suspended] : []));
    one.child.kill('SIGSTOP');
    await expect.poll(suspended).toEqual([true]);
    one.child.kill('SIGCONT');
    await expect.poll(suspended).toEqual([true, false]);
  });

  it('never opens keys, links, FIFOs or huge files, and warns once of each', async () => {
    const sessions = join(homes[0] as string, 'sessions');
    const content = JSON.stringify({ pid: 1, sessionId: 'stolen', status: 'busy' });
    writeFileSync(join(folder, 'outside.json'), content);
    writeFileSync(join(sessions, '5.0123abcd.key'), content);
    symlinkSync(join(folder, 'outside.json'), join(sessions, '1.json'));
    execFileSync('mkfifo', [join(sessions, '2.json')]);
    writeFileSync(join(sessions, '3.json'), ' '.repeat(300_000));
    writeFileSync(join(sessions, '4.json'), 'junk');
    const { check } = await start([], 20_000).then((of) => ({ check: () => of.check() }));
    for (let times = 0; times < 8; times += 1) await check();
    expect(reports).toEqual([]);
    expect(warnings.sort()).toEqual([
      '/one/sessions/1.json is a link',
      '/one/sessions/2.json is no regular file',
      '/one/sessions/3.json is larger than 262144 bytes',
      '/one/sessions/4.json is no registry file of Claude',
    ]);
  });
});

describe('a system that notifies of no changes', () => {
  it('is looked at all the same, and is warned of once', async () => {
    const failing = new EventEmitter() as FSWatcher;
    failing.add = () => failing;
    failing.unwatch = () => failing;
    failing.close = async () => {};
    const one = await cli('a');
    one.write('idle');
    watch = new RegistryWatch({
      homes,
      known: [],
      everyMs: 50,
      watchFolders: () => failing,
      onReports: (more) => reports.push(...more),
      onWarning: (path, reason) => warnings.push(`${path.slice(folder.length)} ${reason}`),
      onError: (error) => errors.push(error),
    });
    await watch.start();
    const full = Object.assign(new Error('System limit reached'), {
      code: 'ENOSPC',
      syscall: 'watch',
      errno: -28,
    });
    for (const error of [full, full]) failing.emit('error', error);
    one.write('busy');
    await vi.waitFor(() => expect(states()).toEqual(['idle', 'working']));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('ENOSPC');
  });

  it('is warned of also when it refuses at once', async () => {
    watch = new RegistryWatch({
      homes,
      known: [],
      everyMs: 50,
      watchFolders: () => {
        throw Object.assign(new Error('System limit reached'), {
          code: 'EMFILE',
          syscall: 'watch',
          errno: -24,
        });
      },
      onReports: (more) => reports.push(...more),
      onWarning: (_, reason) => warnings.push(reason),
      onError: (error) => errors.push(error),
    });
    const one = await cli('b');
    one.write('idle');
    await watch.start();
    expect(states()).toEqual(['idle']);
    expect(warnings).toHaveLength(1);
  });
});
