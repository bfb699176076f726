/** The log file: its shape, its filter, its limits, and that it can neither leak nor bring us down. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LogConfig } from '../../src/config.ts';
import { createLogger, type LogFields, LogFile } from '../../src/log.ts';

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'orbit-log-'));
  path = join(dir, 'server.log');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const config = (over: Partial<LogConfig> = {}): LogConfig => ({
  filter: 'info',
  format: 'json',
  truncateOnStart: false,
  runId: 'run-1',
  ...over,
});
const lines = (): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');
const records = (): Record<string, unknown>[] => lines().map((line) => JSON.parse(line));

it('writes one JSON object a line with the keys people filter by', () => {
  const log = createLogger(config(), path);
  log.child('ws').warn('ws.connection.closed', { connection_id: 'c1', code: 1012 }, 'Gone');
  const [first, line] = records();
  expect(first).toMatchObject({
    component: 'logging',
    event: 'logging.initialized',
    run_id: 'run-1',
  });
  expect(line).toMatchObject({ level: 'WARN', component: 'ws', event: 'ws.connection.closed' });
  expect(line).toMatchObject({ message: 'Gone', connection_id: 'c1', code: 1012 });
  expect(line?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('filters by component and ignores what it does not understand', () => {
  const log = createLogger(config({ filter: 'warn,ws=debug,tower_http=loud,store=off' }), path);
  log.info('server.quiet');
  log.warn('server.heard');
  log.child('ws').debug('ws.heard');
  log.child('store').fatal('store.off');
  expect(records().map(({ event }) => event)).toEqual(['server.heard', 'ws.heard']);
});

it('keeps a hostile value on its line and shows its control characters', () => {
  const hostile = 'x\n{"level":"ERROR"}\u001b[2J\u009b2J\u202e\u2028';
  for (const format of ['json', 'pretty'] as const) {
    const log = createLogger(config({ format, truncateOnStart: true }), path);
    log.error('session.renamed', { name: hostile }, hostile);
    expect(lines()).toHaveLength(2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(readFileSync(path, 'utf8')).not.toMatch(/[\u001b\u0080-\u009f\u202e\u2028]/);
    if (format === 'json') expect(records()[1]).toMatchObject({ name: hostile });
  }
});

it('writes a line for people when asked to', () => {
  createLogger(config({ format: 'pretty' }), path).info('server.listening', { port: 4000 }, 'Up');
  expect(lines()[1]).toMatch(/^\S+Z INFO {2}server {2}server\.listening {2}Up {2}port=4000$/);
});

it('holds no token, no payload and no object, whoever passes them', () => {
  const log = createLogger(config(), path);
  const canary = 'canary-secret';
  const payload = { deep: canary } as unknown as string;
  log.error('gate.refused', { token: canary, url: `/ws?token=${canary}&x=1`, payload });
  log.error('gate.refused', { error: new Error(`GET /ws?token=${canary}`) }, 'No');
  log.info('ws.message.received', { text: 'y'.repeat(100_000) });
  expect(readFileSync(path, 'utf8')).not.toContain(canary);
  expect(String(records().at(-1)?.text).length).toBeLessThan(600);
});

it('writes an error with its causes, and its stack only from error upwards', () => {
  const log = createLogger(config(), path);
  const error = new Error('cannot open', { cause: new Error('disk is full') });
  log.warn('persistence.flush.failed', { error });
  log.fatal('server.bug', { error });
  const [, warned, died] = records();
  expect(warned).toMatchObject({ error: 'cannot open: disk is full' });
  expect(warned).not.toHaveProperty('stack');
  expect(died?.stack).toContain('log.test.ts');
});

it('appends, or starts afresh when asked to', () => {
  createLogger(config(), path).close();
  createLogger(config(), path).close();
  expect(lines()).toHaveLength(2);
  createLogger(config({ truncateOnStart: true }), path).close();
  expect(lines()).toHaveLength(1);
});

it('rotates by size and keeps a fixed number of files', () => {
  const file = new LogFile(path, { truncate: false, maxFileBytes: 100, keptFiles: 3 });
  for (let n = 0; n < 20; n++) file.write(`${String(n).padStart(29)}\n`);
  expect(lines().at(-1)).toContain('19');
  expect(readFileSync(`${path}.1`, 'utf8')).toContain('17');
  expect(readFileSync(`${path}.2`, 'utf8')).toContain('14');
  expect(statSync(`${path}.3`, { throwIfNoEntry: false })).toBeUndefined();
  expect(file.dropped).toBe(0);
});

it('drops and counts lines where no file can be, and never throws', () => {
  mkdirSync(path);
  const log = createLogger(config(), path);
  log.fatal('server.bug', { error: new Error('x') });
  expect(log.dropped).toBe(2);
  const fields = { big: 1n, when: new Date() } as unknown as LogFields;
  expect(() => log.info('odd', fields)).not.toThrow();
});

it('takes other users access to an older log away', () => {
  writeFileSync(path, '', { mode: 0o644 });
  createLogger(config(), path).close();
  expect(statSync(path).mode & 0o077).toBe(0);
});
