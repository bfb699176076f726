/**
 * The configuration: flags over environment over defaults, resolved in one place for every form of the
 * command line, then frozen. Every path below the data directory is named here and nowhere else.
 * Whether the start is safe is decided before (access.ts): what the server later reads from a Config is a
 * decision, never a question.
 */
import { delimiter, join, resolve } from 'node:path';
import {
  type AccessFlags,
  explicitToken,
  refuseContradictions,
  refuseWithoutTls,
  refuseWithoutToken,
  trustsLocal,
} from './access.ts';
import {
  type BindAddress,
  parseBasePath,
  parseBind,
  parseHost,
  parseNetwork,
  parseOrigin,
} from './address.ts';
import { EXIT, ExitError } from './exit.ts';
import { type OtlpConfig, otlpOf } from './otlp.ts';
import { readTokenFile } from './secrets.ts';
import {
  type KeepingFlags,
  maxConnectionsOf,
  parseDurability,
  type RetentionLimits,
  retentionOf,
} from './storage-limits.ts';

export { DEFAULT_RETENTION, type RetentionLimits } from './storage-limits.ts';

/** Paths below the data directory. */
export interface DataPaths {
  readonly dir: string;
  readonly database: string;
  readonly lock: string;
  readonly pid: string;
  /** Where the running server can be found; informative, the lock decides. */
  readonly server: string;
  /** Epoch and commit count outside the database, to notice a restored backup. */
  readonly epoch: string;
  readonly token: string;
  /** The unix socket of the running server, 0600. */
  readonly socket: string;
  readonly hookScript: string;
  readonly hookConfig: string;
  /** Authorization header for hook.sh's curl, 0600. */
  readonly hookHeaders: string;
  /** The keys by which push services know this server, 0600. */
  readonly vapid: string;
  /** The secret that may hand in hooks only, 0600. */
  readonly hookSecret: string;
  /** Sessions for which words of clients wait, for hook.sh. */
  readonly queuedWords: string;
  readonly logs: string;
  readonly log: string;
  readonly spool: string;
  readonly quarantine: string;
  readonly images: string;
  /** Empty folders that Codex may leave in projects; there while it runs. */
  readonly codexTraces: string;
  /** Where the reference server stood in rollouts; read, never written. */
  readonly codexRollouts: string;
}

/** Everything a server is started with, decided. */
export interface Config {
  readonly paths: DataPaths;
  readonly bind: BindAddress;
  /** The one secret, or null: then only local callers get in. */
  readonly token: string | null;
  /** True only where it matters: a bind beyond loopback, without a token, by an explicit flag. */
  readonly allowInsecureNoAuth: boolean;
  /** Local callers need no token, whether or not there is one; never on a bind beyond loopback. */
  readonly localTrust: boolean;
  /** Certificate and key of the port's TLS; null: it is not encrypted. */
  readonly tls: TlsFiles | null;
  /** Extra origins such as `https://dock.example`, exact. */
  readonly allowOrigins: readonly string[];
  /** Extra host names; any makes the token mandatory. */
  readonly allowHosts: readonly string[];
  /** Addresses and ranges of the proxies whose `X-Forwarded-*` is believed; any makes the token mandatory. */
  readonly trustedProxies: readonly string[];
  /** Below which path everything is served as well, without a slash at its end; '' for none. */
  readonly basePath: string;
  /** Who comes over a way that is not encrypted is refused, unless it does not leave this machine. */
  readonly requireTls: boolean;
  /** Devices may name push services on this machine and in private networks. */
  readonly allowPrivatePush: boolean;
  readonly durability: 'full' | 'normal';
  /** Sockets of the port in all. */
  readonly maxConnections: number;
  readonly retention: RetentionLimits;
  readonly codex: CodexConfig;
  readonly claude: ClaudeConfig;
  /** The collector that receives what sessions do; null: none. */
  readonly otlp: OtlpConfig | null;
  readonly log: LogConfig;
  readonly places: AllowedPaths;
}

/** Paths of a certificate with its chain, and of its key, both PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Places of this machine that clients and hooks may name. */
export interface AllowedPaths {
  readonly home: string;
  /** Directories that `browse_directory` may look at, with all below them; home is one. */
  readonly browseRoots: readonly string[];
  /** Where git worktrees of sessions are made. */
  readonly worktrees: string;
  /** Where the providers' CLIs write transcripts: nothing else is read as one. */
  readonly transcriptRoots: readonly string[];
}

/** What of Claude is watched besides its hooks. */
interface ClaudeConfig {
  readonly isWatched: boolean;
  /** Homes that were named, besides those of the user and of `CLAUDE_CONFIG_DIR`. */
  readonly homes: readonly string[];
  /** What names the homes. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How the Codex engine is run, and what of other Codex processes is watched. */
interface CodexConfig {
  /** Where new threads run: in the daemon that terminals share, if there is one that fits, or as the word says. */
  readonly mode: 'auto' | 'shared' | 'private';
  readonly isWatched: boolean;
  /** Homes that were named, besides those of the user and of `CODEX_HOME`. */
  readonly homes: readonly string[];
  /** The user's, when the environment names none. */
  readonly home: string;
  /** The environment that the engine and everything below it gets; it says where CODEX_HOME is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Have sessions named by a model; null: their first prompt is their name. Costs tokens. */
  readonly naming: { readonly model: string } | null;
}

/** How the log is kept. */
export interface LogConfig {
  readonly filter: string;
  readonly format: 'json' | 'pretty';
  readonly truncateOnStart: boolean;
  readonly runId: string;
}

/** What the command line of `start` can say; absent means not said. */
export interface Flags extends AccessFlags, KeepingFlags {
  dataDir?: string | undefined;
  bind?: string | undefined;
  allowOrigins?: readonly string[] | undefined;
  allowHosts?: readonly string[] | undefined;
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
  trustedProxies?: readonly string[] | undefined;
  basePath?: string | undefined;
  requireTls?: boolean | undefined;
  allowPrivatePush?: boolean | undefined;
  otlpEndpoint?: string | undefined;
  browseRoots?: readonly string[] | undefined;
  claudeHomes?: readonly string[] | undefined;
  codex?: string | undefined;
  codexHomes?: readonly string[] | undefined;
  watchCodex?: boolean | undefined;
  watchClaude?: boolean | undefined;
  nameSessions?: boolean | undefined;
  namingModel?: string | undefined;
}

/** Where a configuration comes from. `home` is the user's: data directory, transcripts, projects. */
export interface ConfigSources {
  flags: Flags;
  env: Readonly<Record<string, string | undefined>>;
  home: string;
}

/** Where the server listens when nothing else is said. */
export const DEFAULT_BIND = '127.0.0.1:4000';
const DEFAULT_LOG_FILTER = 'info';
/** Of the models the engine brings, the one for small jobs. */
const DEFAULT_NAMING_MODEL = 'gpt-6-luna';

/**
 * The configuration for `start`. Reads the token file where one applies; touches nothing else.
 *
 * @throws ExitError 64 for a refused command line, 78 for a token or setting that cannot be used
 */
export function resolveConfig({ flags, env, home }: ConfigSources): Config {
  const paths = resolvePaths({ flags, env, home });
  const bind = parseBind(flags.bind ?? (env.ORBITDOCK_BIND_ADDR || DEFAULT_BIND));
  const allowHosts = (flags.allowHosts ?? []).map(parseHost);
  const trustedProxies = trustedProxiesOf(flags, env);
  const front = { allowHosts, trustedProxies };
  const explicit = explicitToken(flags, env);
  const token = explicit ?? readTokenFile(paths.token);
  const tls = tlsFiles(flags);
  const requireTls = flags.requireTls ?? env.ORBITDOCK_REQUIRE_TLS === '1';
  refuseContradictions(flags, bind, front);
  if (token === null) refuseWithoutToken(bind, flags, front);
  if (requireTls) {
    refuseWithoutTls({ bind, hasTls: tls !== null, hasProxy: trustedProxies.length > 0 });
  }
  return deepFreeze({
    paths,
    bind,
    token,
    allowInsecureNoAuth: token === null && !bind.isLoopback,
    localTrust: trustsLocal({ flags, bind, front, hasExplicitToken: explicit !== null }),
    allowOrigins: (flags.allowOrigins ?? []).map(parseOrigin),
    allowHosts,
    tls,
    trustedProxies,
    basePath: parseBasePath(flags.basePath ?? env.ORBITDOCK_BASE_PATH ?? ''),
    requireTls,
    allowPrivatePush: flags.allowPrivatePush ?? env.ORBITDOCK_ALLOW_PRIVATE_PUSH === '1',
    durability: parseDurability(flags.durability),
    maxConnections: maxConnectionsOf(flags, env),
    retention: retentionOf(flags, env),
    claude: claudeConfig({ flags, env, home }),
    codex: codexConfig({ flags, env, home }),
    otlp: otlpOf(flags.otlpEndpoint, env),
    log: logConfig(env),
    places: allowedPathsOf({ flags, env, home }, paths),
  });
}

/** The data directory's paths: what every subcommand needs, and all that most of them need. */
export function resolvePaths({ flags, env, home }: ConfigSources): DataPaths {
  return dataPaths(flags.dataDir ?? (env.ORBITDOCK_DATA_DIR || join(home, '.orbitdock')));
}

/** Names every path below a data directory; a relative one is taken from the working directory. */
export function dataPaths(directory: string): DataPaths {
  const dir = resolve(directory);
  const below = (...names: string[]): string => join(dir, ...names);
  return Object.freeze({
    dir,
    database: below('orbitdock.db'),
    codexTraces: below('codex-traces.json'),
    codexRollouts: below('codex-rollout-state.json'),
    lock: below('lock.db'),
    pid: below('orbitdock.pid'),
    server: below('server.json'),
    epoch: below('epoch.json'),
    token: below('auth-token'),
    socket: below('orbitdock.sock'),
    hookScript: below('hook.sh'),
    hookConfig: below('hook.conf'),
    hookHeaders: below('hook-headers'),
    hookSecret: below('hook-secret'),
    queuedWords: below('queued-words'),
    vapid: below('vapid.json'),
    logs: below('logs'),
    log: below('logs', 'server.log'),
    spool: below('spool'),
    quarantine: below('spool', 'quarantine'),
    images: below('images'),
  });
}

function allowedPathsOf({ flags, env, home }: ConfigSources, { dir }: DataPaths): AllowedPaths {
  const claude = env.CLAUDE_CONFIG_DIR || join(home, '.claude');
  const codex = env.CODEX_HOME || join(home, '.codex');
  return {
    home,
    browseRoots: [home, ...(flags.browseRoots ?? []).map((root) => resolve(root))],
    worktrees: join(dir, 'worktrees'),
    transcriptRoots: [join(claude, 'projects'), join(codex, 'sessions')],
  };
}

function claudeConfig({ flags, env, home }: ConfigSources): ClaudeConfig {
  const named = (env.ORBITDOCK_CLAUDE_HOMES ?? '').split(delimiter).filter((path) => path !== '');
  return {
    isWatched: flags.watchClaude ?? env.ORBITDOCK_WATCH_CLAUDE !== '0',
    homes: [...named, ...(flags.claudeHomes ?? [])],
    env: { ...env, HOME: home },
  };
}

/** @throws ExitError 64 for what is no address and no range */
function trustedProxiesOf(flags: Flags, env: ConfigSources['env']): string[] {
  const named = (env.ORBITDOCK_TRUSTED_PROXIES ?? '').split(',').map((text) => text.trim());
  const all = flags.trustedProxies ?? named.filter((text) => text !== '');
  return all.map((text) => {
    const { address, prefix } = parseNetwork(text);
    return `${address}/${prefix}`;
  });
}

/** @throws ExitError 64 for one without the other: every handshake would fail */
function tlsFiles({ tlsCert: cert, tlsKey: key }: Flags): TlsFiles | null {
  if (cert === undefined && key === undefined) return null;
  if (cert !== undefined && key !== undefined) return { cert: resolve(cert), key: resolve(key) };
  throw new ExitError(EXIT.usage, '--tls-cert and --tls-key belong together; give both');
}

function codexConfig({ flags, env, home }: ConfigSources): CodexConfig {
  const named = (env.ORBITDOCK_CODEX_HOMES ?? '').split(delimiter).filter((path) => path !== '');
  // The second name is the reference's.
  const isOff = env.ORBITDOCK_WATCH_CODEX === '0' || env.ORBITDOCK_DISABLE_CODEX_WATCHER === '1';
  return {
    mode: parseCodexMode(flags.codex ?? (env.ORBITDOCK_CODEX || 'auto')),
    env: { ...env },
    naming: namingConfig(flags, env),
    isWatched: flags.watchCodex ?? !isOff,
    homes: [...named, ...(flags.codexHomes ?? [])],
    home,
  };
}

function parseCodexMode(text: string): CodexConfig['mode'] {
  if (text === 'auto' || text === 'shared' || text === 'private') return text;
  const reason = `--codex is auto, shared or private, not ${JSON.stringify(text)}`;
  throw new ExitError(EXIT.usage, reason);
}

/** Off unless asked for: a model reads the first prompt of every session, which costs money. */
function namingConfig(flags: Flags, env: ConfigSources['env']): CodexConfig['naming'] {
  const isOn = flags.nameSessions ?? env.ORBITDOCK_NAME_SESSIONS === '1';
  if (!isOn) return null;
  return { model: flags.namingModel || env.ORBITDOCK_NAMING_MODEL || DEFAULT_NAMING_MODEL };
}

function logConfig(env: ConfigSources['env']): LogConfig {
  return {
    filter: env.ORBITDOCK_SERVER_LOG_FILTER || DEFAULT_LOG_FILTER,
    format: env.ORBITDOCK_SERVER_LOG_FORMAT === 'pretty' ? 'pretty' : 'json',
    truncateOnStart: env.ORBITDOCK_TRUNCATE_SERVER_LOG_ON_START === '1',
    runId: env.ORBITDOCK_SERVER_RUN_ID || `pid-${process.pid}-${Date.now()}`,
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) deepFreeze(part);
  }
  return Object.freeze(value);
}
