/** What a command line and an environment turn into, and what is refused before anything is touched. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config, Flags } from '../../src/config.ts';
import { resolveConfig } from '../../src/config.ts';
import { ExitError } from '../../src/exit.ts';

const TOKEN = 'a-token-of-more-than-thirty-two-characters';
const WIDE = '0.0.0.0:4000';
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'orbit-config-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const resolved = (flags: Flags = {}, env: Record<string, string> = {}): Config =>
  resolveConfig({ flags: { dataDir: home, ...flags }, env, home });

function refusal(flags: Flags, env: Record<string, string> = {}): ExitError {
  try {
    resolved(flags, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ExitError);
    return error as ExitError;
  }
  throw new Error('was not refused');
}

function tokenFile(text: string, mode = 0o600): string {
  const path = join(home, 'auth-token');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('defaults', () => {
  it('listens on loopback without a token and trusts local callers', () => {
    const config = resolved();
    expect(config.bind).toEqual({ host: '127.0.0.1', port: 4000, isLoopback: true });
    expect(config).toMatchObject({ token: null, localTrust: true, allowInsecureNoAuth: false });
    expect(config).toMatchObject({ durability: 'full', allowOrigins: [], allowHosts: [] });
    expect(config.log).toMatchObject({ filter: 'info', format: 'json', truncateOnStart: false });
  });

  it('is frozen through and through', () => {
    const config = resolved({ allowOrigins: ['https://dock.example'] });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.bind)).toBe(true);
    expect(Object.isFrozen(config.allowOrigins)).toBe(true);
    expect(Object.isFrozen(config.paths)).toBe(true);
  });

  it('puts flags over environment over defaults, and an empty variable counts as unset', () => {
    const env = { ORBITDOCK_DATA_DIR: '/srv/dock', ORBITDOCK_BIND_ADDR: '127.0.0.1:1' };
    expect(resolveConfig({ flags: {}, env, home }).paths.dir).toBe('/srv/dock');
    expect(resolved({}, env).paths.dir).toBe(home);
    expect(resolved({ bind: '127.0.0.1:2' }, env).bind.port).toBe(2);
    expect(resolved({}, env).bind.port).toBe(1);
    expect(resolved({}, { ORBITDOCK_BIND_ADDR: '' }).bind.port).toBe(4000);
    const nothing = resolveConfig({ flags: {}, env: { ORBITDOCK_DATA_DIR: '' }, home });
    expect(nothing.paths.dir).toBe(join(home, '.orbitdock'));
  });
});

describe('bind', () => {
  it.each([
    ['127.0.0.1:4000', '127.0.0.1', true],
    ['127.9.9.9:4000', '127.9.9.9', true],
    ['localhost:4000', '127.0.0.1', true],
    ['[::1]:4000', '::1', true],
    ['[0:0:0:0:0:0:0:1]:4000', '::1', true],
    ['[::ffff:127.0.0.1]:4000', '::ffff:7f00:1', false],
    ['[::]:4000', '::', false],
    ['192.168.1.5:4000', '192.168.1.5', false],
  ])('reads %s', (text, host, isLoopback) => {
    const config = resolved({ bind: text, allowInsecureNoAuth: true });
    expect(config.bind).toEqual({ host, port: 4000, isLoopback });
  });

  it.each([
    '',
    '4000',
    '127.0.0.1',
    ':4000',
    'example.org:4000',
    '0:4000',
    '0x0:4000',
    '127.1:4000',
    '2130706433:4000',
    '１２７.0.0.1:4000',
    'localhost.:4000',
    '::1:4000',
    '[127.0.0.1]:4000',
    '[fe80::1%eth0]:4000',
    '127.0.0.1:65536',
    '127.0.0.1:4000 ',
    '127.0.0.1:-1',
  ])('refuses %j with 64', (text) => {
    expect(refusal({ bind: text }).exitCode).toBe(64);
  });
});

describe('a token', () => {
  it.each([WIDE, '[::]:4000', '192.168.1.5:4000', '[::ffff:127.0.0.1]:4000'])(
    'is demanded for %s, with the way out named',
    (bind) => {
      const { exitCode, message } = refusal({ bind });
      expect(exitCode).toBe(64);
      expect(message).toContain('without authentication: this server can run shell commands.');
      expect(message).toContain(
        'generate-token, or bind 127.0.0.1, or pass --allow-insecure-no-auth',
      );
    },
  );

  it('can be waived for a wide bind, in so many words only', () => {
    const config = resolved({ bind: WIDE, allowInsecureNoAuth: true });
    expect(config).toMatchObject({ token: null, allowInsecureNoAuth: true, localTrust: false });
    expect(resolved({ allowInsecureNoAuth: true }).allowInsecureNoAuth).toBe(false);
  });

  it('comes from the flag before the file flag before the environment before the file', () => {
    const path = tokenFile(`${TOKEN}-file\n`);
    const env = { ORBITDOCK_AUTH_TOKEN: `${TOKEN}-env` };
    expect(resolved({ bind: WIDE, authToken: TOKEN }, env).token).toBe(TOKEN);
    expect(resolved({ bind: WIDE, authTokenFile: path }, env).token).toBe(`${TOKEN}-file`);
    expect(resolved({ bind: WIDE }, env).token).toBe(`${TOKEN}-env`);
    expect(resolved({ bind: WIDE }).token).toBe(`${TOKEN}-file`);
    expect(refusal({ authToken: TOKEN, authTokenFile: path }).exitCode).toBe(64);
  });

  it('lying in its file does not lock local callers out of a loopback bind; naming one does', () => {
    tokenFile(TOKEN);
    expect(resolved()).toMatchObject({ token: TOKEN, localTrust: true });
    expect(resolved({ requireAuth: true })).toMatchObject({ token: TOKEN, localTrust: false });
    expect(resolved({ authToken: TOKEN }).localTrust).toBe(false);
    expect(resolved({ authToken: TOKEN, localTrust: true }).localTrust).toBe(true);
    expect(resolved({ bind: WIDE }).localTrust).toBe(false);
  });

  it.each([
    ['empty', '', 0o600],
    ['too short', 'short', 0o600],
    ['of two words', `${TOKEN} ${TOKEN}`, 0o600],
    ['readable by the group', TOKEN, 0o640],
    ['readable by everybody', TOKEN, 0o644],
  ])('file that is %s stops the start with 78 on any bind', (_, text, mode) => {
    tokenFile(text, mode);
    for (const bind of ['127.0.0.1:4000', WIDE]) {
      const { exitCode, message } = refusal({ bind, allowInsecureNoAuth: true });
      expect(exitCode).toBe(78);
      expect(message).not.toContain(TOKEN);
    }
  });

  it.each(['', 'short', `${TOKEN}\n`, `${TOKEN}é`])(
    '%j given by name is refused with 78',
    (token) => {
      expect(refusal({ authToken: token, allowInsecureNoAuth: true }).exitCode).toBe(78);
      expect(refusal({ bind: WIDE }, { ORBITDOCK_AUTH_TOKEN: token }).exitCode).toBe(78);
    },
  );

  it.each([
    'a'.repeat(40),
    'abc123'.repeat(8),
    '0123456789'.repeat(4),
    'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz',
    'zyxwvutsrqponmlkjihgfedcba9876543210',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab',
    'token-abcdefghijklmnopqrstuvwxyz0123456789',
  ])('%j is refused with 78, because it can be guessed', (token) => {
    const { exitCode, message } = refusal({ authToken: token });
    expect(exitCode).toBe(78);
    expect(message).toContain('generate-token');
    expect(message).not.toContain(token);
  });

  it.each([
    'od_3q2-7wEjkz8Tn0pYb6Qm1VxR4sLhGdCuKfOaPiWeXyZ',
    '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
    '9f86d081884c7d659a2feaa0c55ad015',
    '83140975266190385742019467358201',
    'tok-0123456789abcdef0123456789abcdef-xyz',
  ])('%j is taken', (token) => {
    expect(resolved({ authToken: token }).token).toBe(token);
  });

  it('file that was named but does not exist, or is no file, stops the start with 78', () => {
    expect(refusal({ authTokenFile: join(home, 'nope') }).exitCode).toBe(78);
    expect(refusal({ authTokenFile: home }).exitCode).toBe(78);
    expect(refusal({ authTokenFile: '/dev/null' }).exitCode).toBe(78);
  });

  it('is demanded by --require-auth and by --allow-host', () => {
    expect(refusal({ requireAuth: true }).message).toContain('generate-token');
    expect(refusal({ allowHosts: ['dock.example'] }).exitCode).toBe(64);
    expect(refusal({ trustedProxies: ['10.0.0.1'] }).message).toContain('--trusted-proxy');
    const proxies = { trustedProxies: ['10.0.0.1', '[::1]'], authToken: TOKEN };
    expect(resolved(proxies)).toMatchObject({
      trustedProxies: ['10.0.0.1/32', '::1/128'],
      localTrust: false,
    });
    const flags = { allowHosts: ['Dock.example'], authToken: TOKEN };
    expect(resolved(flags)).toMatchObject({ allowHosts: ['dock.example'], localTrust: false });
  });

  it('and local trust cannot be asked for against each other', () => {
    expect(refusal({ localTrust: true, requireAuth: true }).exitCode).toBe(64);
    expect(refusal({ localTrust: true, allowHosts: ['a'], authToken: TOKEN }).exitCode).toBe(64);
    const trustedProxies = ['::1'];
    expect(refusal({ localTrust: true, trustedProxies, authToken: TOKEN }).exitCode).toBe(64);
    expect(refusal({ localTrust: true, bind: WIDE, authToken: TOKEN }).exitCode).toBe(64);
  });
});

it.each(['*', 'null', 'dock.example', 'https://dock.example/', 'https://*.example', 'ftp://dock'])(
  'refuses %s as an origin',
  (origin) => {
    expect(refusal({ allowOrigins: [origin] }).exitCode).toBe(64);
  },
);

it.each(['*', 'a b', 'https://dock', 'dock:4000', '.dock'])('refuses %s as a host', (host) => {
  expect(refusal({ allowHosts: [host], authToken: TOKEN }).exitCode).toBe(64);
});

it.each(['*', '0.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0', 'proxy.example', 'fe80::1%eth0', ''])(
  'refuses %j as a trusted proxy',
  (proxy) => {
    expect(refusal({ trustedProxies: [proxy], authToken: TOKEN }).exitCode).toBe(64);
  },
);

it.each([
  ...['dock', '/a b', '/../x', '/./x', '//x', '/a//b', '/a?b', '/a%2fb', '/api', '/api/x', '/ws'],
  ...['/socket.io', '/visualizer/x', 'https://dock.example/x'],
])('refuses %j as a base path', (basePath) => {
  expect(refusal({ basePath }).message).toContain('--base-path');
});

it.each([
  ['/dock', '/dock'],
  ['/tools/dock-2/', '/tools/dock-2'],
  ['/', ''],
  ['', ''],
])('takes %j as a base path', (basePath, kept) => {
  expect(resolved({ basePath }).basePath).toBe(kept);
});

it('reads proxies, base path and the request for TLS from the environment too; flags count more', () => {
  const env = {
    ...{ ORBITDOCK_TRUSTED_PROXIES: '10.0.0.1, 10.1.0.0/16', ORBITDOCK_BASE_PATH: '/dock' },
    ...{ ORBITDOCK_REQUIRE_TLS: '1', ORBITDOCK_AUTH_TOKEN: TOKEN },
  };
  const trustedProxies = ['10.0.0.1/32', '10.1.0.0/16'];
  expect(resolved({}, env)).toMatchObject({ trustedProxies, basePath: '/dock', requireTls: true });
  const flags = { trustedProxies: ['10.2.0.1'], basePath: '/x', requireTls: false };
  expect(resolved(flags, env)).toMatchObject({ ...flags, trustedProxies: ['10.2.0.1/32'] });
});

it('asks for a certificate or a proxy beyond loopback where TLS has to be', () => {
  const flags = { requireTls: true, bind: WIDE, authToken: TOKEN };
  expect(refusal(flags)).toMatchObject({ exitCode: 64 });
  expect(refusal(flags).message).toContain('--tls-cert');
  expect(resolved({ ...flags, trustedProxies: ['10.0.0.1'] }).requireTls).toBe(true);
  expect(resolved({ ...flags, tlsCert: 'c', tlsKey: 'k' }).requireTls).toBe(true);
  expect(resolved({ requireTls: true }).requireTls).toBe(true);
});

it('knows two durabilities', () => {
  expect(resolved({ durability: 'normal' }).durability).toBe('normal');
  expect(refusal({ durability: 'fast' }).exitCode).toBe(64);
});

describe('naming sessions', () => {
  it('is off unless somebody asks for it', () => {
    expect(resolved().codex.naming).toBe(null);
    expect(resolved({}, { ORBITDOCK_NAME_SESSIONS: 'no' }).codex.naming).toBe(null);
    expect(resolved({ namingModel: 'm' }).codex.naming).toBe(null);
  });

  it('is asked for by flag or environment, the flag first, and so is its model', () => {
    const env = { ORBITDOCK_NAME_SESSIONS: '1', ORBITDOCK_NAMING_MODEL: 'small' };
    expect(resolved({ nameSessions: true }).codex.naming?.model).toMatch(/^gpt-/);
    expect(resolved({}, env).codex.naming).toEqual({ model: 'small' });
    expect(resolved({ namingModel: 'large' }, env).codex.naming).toEqual({ model: 'large' });
    expect(resolved({ nameSessions: false }, env).codex.naming).toBe(null);
  });
});

it('agents get the environment as it is now, whatever becomes of it later', () => {
  const env: Record<string, string> = { CODEX_HOME: '/codex' };
  const { codex } = resolved({}, env);
  env.CODEX_HOME = '/other';
  expect(codex.env.CODEX_HOME).toBe('/codex');
});

describe('what is kept', () => {
  it('is 30 days and 10,000 events a session, 180 days of sessions, 4 GiB', () => {
    expect(resolved().retention).toEqual({
      ...{ eventDays: 30, events: 10_000, sessionDays: 180 },
      maxBytes: 4 * 1024 ** 3,
    });
  });

  it('is said by flags before the environment; 0 is no limit', () => {
    const env = {
      ORBITDOCK_KEEP_DAYS: '60',
      ORBITDOCK_MAX_DB_MB: '100',
      ORBITDOCK_KEEP_EVENTS: '',
    };
    const flags = { keepDays: '90', keepSessionsDays: '0' };
    expect(resolved(flags, env).retention).toEqual({
      ...{ eventDays: 90, events: 10_000, sessionDays: 0 },
      maxBytes: 100 * 1024 ** 2,
    });
    expect(resolved({ keepEvents: '0' }).retention.events).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    { keepDays: '29' },
    { keepEvents: '9999' },
    { keepSessionsDays: '7' },
    { maxDbMb: '1' },
    { keepDays: '-1' },
    { keepDays: 'ever' },
    { maxDbMb: '1e9' },
  ])('never less than the least, and only whole numbers: %o', (flags) => {
    expect(refusal(flags).exitCode).toBe(64);
  });
});

describe('the collector of spans', () => {
  const otlp = (flags: Flags, env: Record<string, string> = {}) => resolved(flags, env).otlp;

  it('is none unless one is named, and none where OpenTelemetry is switched off', () => {
    expect(otlp({})).toBeNull();
    expect(
      otlp({}, { OTEL_EXPORTER_OTLP_HEADERS: 'a=b', OTEL_EXPORTER_OTLP_ENDPOINT: '' }),
    ).toBeNull();
    expect(otlp({ otlpEndpoint: 'http://x:4318' }, { OTEL_SDK_DISABLED: 'true' })).toBeNull();
  });

  it('is ours over that of OpenTelemetry, which may name that of traces exactly', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318/base/' };
    expect(otlp({}, env)?.url).toBe('http://a:4318/base/v1/traces');
    const exact = { ...env, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t/in?x=1' };
    expect(otlp({}, exact)?.url).toBe('https://t/in?x=1');
    const ours = { ...exact, ORBITDOCK_OTLP_ENDPOINT: 'http://o:1' };
    expect(otlp({}, ours)?.url).toBe('http://o:1/v1/traces');
    expect(otlp({ otlpEndpoint: 'http://f:1' }, ours)?.url).toBe('http://f:1/v1/traces');
  });

  it('gets the headers of the environment', () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20eA==, b = 1,nonsense,=2,p=50%',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2',
    };
    expect(otlp({}, env)?.headers).toEqual({ authorization: 'Basic eA==', b: '2', p: '50%' });
  });

  it('is refused by name, not by its text, when it is no address or holds a credential', () => {
    for (const url of ['localhost:4317', 'ftp://x', 'nonsense-4711', 'http://me:secret-4711@x']) {
      const { message, exitCode } = refusal({ otlpEndpoint: url });
      expect(exitCode).toBe(64);
      expect(message).toContain('--otlp-endpoint');
      expect(message).not.toContain('4711');
    }
  });
});
