/** install-hooks --telemetry: its variables in Claude Code's settings, and never over somebody else's exporter. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeHookFiles } from '../../src/cli/hook-files.ts';
import { openDataDirectory } from '../../src/files.ts';
import { createToken } from '../../src/secrets.ts';
import { Home } from './support.ts';

let home: Home;
beforeEach(() => {
  home = new Home();
  openDataDirectory(home.paths);
  writeHookFiles(home.paths, 'http://127.0.0.1:4000');
  mkdirSync(dirname(home.settings), { recursive: true });
});
afterEach(() => home.remove());

const text = (): string => readFileSync(home.settings, 'utf8');
const envOf = () => (JSON.parse(text()) as { env?: Record<string, string> }).env;

it('adds its variables beside those of the user, and takes out only what is still its own', async () => {
  writeFileSync(home.settings, JSON.stringify({ env: { FOO: 'bar' } }, null, 2));
  const before = text();
  const { exitCode } = await home.run('install-hooks', '--telemetry');
  expect(exitCode).toBe(0);
  expect(envOf()).toEqual({
    FOO: 'bar',
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://127.0.0.1:4000/v1/logs',
    OTEL_LOGS_EXPORT_INTERVAL: '200',
  });
  const again = await home.run('install-hooks', '--telemetry');
  expect(again.stdout).toContain('Settings unchanged');
  await home.run('uninstall-hooks');
  expect(JSON.parse(text())).toEqual(JSON.parse(before));
});

it('follows the server to another address, and leaves a value that the user has changed', async () => {
  await home.run('install-hooks', '--telemetry');
  writeHookFiles(home.paths, 'http://127.0.0.1:4100');
  expect((await home.run('install-hooks', '--telemetry')).exitCode).toBe(0);
  expect(envOf()?.OTEL_EXPORTER_OTLP_LOGS_ENDPOINT).toBe('http://127.0.0.1:4100/v1/logs');
  const settings = JSON.parse(text());
  settings.env.OTEL_LOGS_EXPORT_INTERVAL = '900';
  writeFileSync(home.settings, JSON.stringify(settings));
  await home.run('uninstall-hooks');
  expect(envOf()).toEqual({ OTEL_LOGS_EXPORT_INTERVAL: '900' });
});

it('gives the token along where the server has one', async () => {
  const token = createToken();
  writeFileSync(home.paths.token, `${token}\n`, { mode: 0o600 });
  await home.run('install-hooks', '--telemetry');
  expect(envOf()?.OTEL_EXPORTER_OTLP_LOGS_HEADERS).toBe(`Authorization=Bearer ${token}`);
  expect(statSync(home.settings).mode & 0o077).toBe(0);
});

it('is refused where somebody exports already, with the place, and changes nothing', async () => {
  const others = { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example' } };
  writeFileSync(home.settings, JSON.stringify(others));
  const { exitCode, stderr } = await home.run('install-hooks', '--telemetry');
  expect(exitCode).toBe(65);
  expect(stderr).toContain('OTEL_EXPORTER_OTLP_ENDPOINT');
  expect(stderr).toContain(home.settings);
  expect(JSON.parse(text())).toEqual(others);
});

it('is not set up without being asked for', async () => {
  await home.run('install-hooks');
  expect(envOf()).toBeUndefined();
});
