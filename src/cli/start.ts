/**
 * `start`: decides the configuration, opens the data directory, starts the server and stays until a
 * signal. Also what an omitted subcommand means. The server itself is loaded only once all is decided.
 */
import { spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { Option } from 'clipanion';
import { formatAddress } from '../address.ts';
import { type Config, type DataPaths, resolveConfig } from '../config.ts';
import { EXIT } from '../exit.ts';
import { openDataDirectory } from '../files.ts';
import { serverVersion } from '../version.ts';
import { OrbitCommand } from './command.ts';
import {
  chooseServerUrl,
  hasHookScript,
  hooksCarry,
  hookUrl,
  LOCAL_URL,
  urlOfServer,
} from './hook-files.ts';
import { isListeningTo, settingsPath } from './install-hooks.ts';

/** Starts the server; also the default when the subcommand is omitted. */
export class StartCommand extends OrbitCommand {
  static override paths = [['start']];
  static override usage = OrbitCommand.Usage({
    description: 'Start the server (also the default when you omit the subcommand)',
    details: `
      Listens on 127.0.0.1:4000 unless \`--bind\` or \`ORBITDOCK_BIND_ADDR\` says otherwise, and runs
      until SIGTERM or SIGINT.

      On loopback, local callers need no token. Any other address needs one: from
      \`--auth-token-file\`, from \`ORBITDOCK_AUTH_TOKEN\`, or simply the file that
      \`generate-token\` has written.
    `,
    examples: [
      ['Start on 127.0.0.1:4000', '$0 start'],
      ['Listen on all interfaces, after generate-token', '$0 start --bind 0.0.0.0:4000'],
      ['The older form', '$0 --bind 127.0.0.1:4000'],
    ],
  });

  bind = Option.String('--bind', { description: 'IP:port, [IPv6]:port or localhost:port' });
  authToken = Option.String('--auth-token', {
    description: 'The token itself; `ps` shows it to every user of the machine',
  });
  authTokenFile = Option.String('--auth-token-file', {
    description: 'File with the token, readable by you only',
  });
  requireAuth = Option.Boolean('--require-auth', {
    description: 'Ask local callers for the token too',
  });
  localTrust = Option.Boolean('--local-trust', {
    description: 'Let local callers in without the token that was given',
  });
  allowInsecureNoAuth = Option.Boolean('--allow-insecure-no-auth', {
    description:
      'Bind beyond loopback without a token: every caller that reaches it can run commands here',
  });
  allowOrigins = Option.Array('--allow-origin', {
    description: 'Origin of a web page that may connect, such as https://dock.example',
  });
  allowHosts = Option.Array('--allow-host', {
    description: 'Host name of a proxy in front of us; makes a token necessary',
  });
  tlsCert = Option.String('--tls-cert', {
    description: 'Use TLS with this certificate and its chain (PEM); read again when it is renewed',
  });
  tlsKey = Option.String('--tls-key', { description: 'The key of --tls-cert (PEM)' });
  trustedProxies = Option.Array('--trusted-proxy', {
    description:
      'Address or range of a proxy whose X-Forwarded-For, -Proto and -Host are believed; makes a token necessary',
  });
  basePath = Option.String('--base-path', {
    description: 'Path below which a proxy shows the server without taking it off, such as /dock',
  });
  requireTls = Option.Boolean('--require-tls', {
    description: 'Refuse who comes unencrypted from another machine, also through a trusted proxy',
  });
  allowPrivatePush = Option.Boolean('--allow-private-push', {
    description: 'Send pushes also to services on this machine and in private networks',
  });
  otlpEndpoint = Option.String('--otlp-endpoint', {
    description:
      'Send an OpenTelemetry collector (OTLP over HTTP) what sessions do, such as http://localhost:4318',
  });
  browseRoots = Option.Array('--browse-root', {
    description: 'Directory that clients may look into besides your home',
  });
  claudeHomes = Option.Array('--claude-home', {
    description: 'Claude home to watch besides ~/.claude and CLAUDE_CONFIG_DIR',
  });
  watchClaude = Option.Boolean('--watch-claude', {
    description: 'Off by --no-watch-claude: know the state of sessions by hooks alone',
  });
  codex = Option.String('--codex', {
    description:
      'Where new Codex sessions run: in the daemon that terminals share (shared), in a process of this server (private), or shared if there is one (auto, default)',
  });
  codexHomes = Option.Array('--codex-home', {
    description: 'Codex home to watch besides ~/.codex and CODEX_HOME',
  });
  watchCodex = Option.Boolean('--watch-codex', {
    description: 'Off by --no-watch-codex: show only the Codex sessions that are begun here',
  });
  durability = Option.String('--durability', {
    description: 'full: survives a power cut (default); normal: survives a crash only',
  });
  maxConnections = Option.String('--max-connections', {
    description: 'Sockets of the port (4096); an eighth of them stays free for hooks and requests',
  });
  keepDays = Option.String('--keep-days', {
    description: 'Keep events of the journal so many days (30 or more, 0: for ever)',
  });
  keepEvents = Option.String('--keep-events', {
    description: 'Always keep so many events and messages of a session (10000 or more)',
  });
  keepSessionsDays = Option.String('--keep-sessions-days', {
    description: 'Keep sessions so many days after their last activity (180; 0: for ever)',
  });
  maxDbMb = Option.String('--max-db-mb', {
    description: 'Above this size the sessions that ended longest ago go (4096; 0: no limit)',
  });
  nameSessions = Option.Boolean('--name-sessions', {
    description: 'Have Codex name sessions by their first prompt; uses your account',
  });
  namingModel = Option.String('--naming-model', {
    description: 'Model for --name-sessions',
  });

  protected async run(): Promise<number> {
    // Before anything copies the environment.
    const supervisor = superviseBy(process.env, (line) => this.warn(line));
    // The options above are named as the configuration names its flags.
    const config = resolveConfig(this.sources(this));
    process.umask(0o077);
    openDataDirectory(config.paths);
    for (const warning of this.#warnings(config)) this.warn(`Warning: ${warning}`);
    const surroundings = {
      events: process,
      exit: (code: number) => process.exit(code),
      warn: (line: string) => this.warn(line),
    };
    exitOnCrash(config, surroundings);
    const { startServer } = await import('../server.ts');
    const opening = startServer(config).then(async (server) => {
      await this.#greet(config, server.port);
      // Only then: without a certificate a closed terminal ends us as always.
      if (config.tls) process.on('SIGHUP', () => server.reloadCertificate());
      const url = urlOfServer({ host: config.bind.host, port: server.port });
      supervisor.ready(`Serving on ${url}`, () => server.works());
      return {
        close: () => {
          supervisor.stopping();
          return server.close();
        },
      };
    });
    return await closeOnSignal(opening, surroundings);
  }

  #warnings(config: Config): string[] {
    const address = formatAddress(config.bind);
    const warnings: string[] = [];
    if (this.authToken !== undefined) {
      warnings.push('`ps` shows --auth-token to every user here; use --auth-token-file instead');
    }
    if (config.allowInsecureNoAuth) {
      warnings.push(`every caller that can reach ${address} can run commands on this machine`);
    } else if (!config.bind.isLoopback && config.tls === null) {
      warnings.push(
        `${address} is not encrypted; beyond your own network use ssh -L or a TLS proxy`,
      );
    }
    const { token, localTrust, paths } = config;
    if (token !== null && !localTrust && hasHookScript(paths) && !hooksCarry(paths, token)) {
      warnings.push(
        `hook.sh does not have this token: put it into ${paths.token} (mode 0600) and run init`,
      );
    }
    return warnings;
  }

  async #greet({ bind, paths, tls }: Config, port: number): Promise<void> {
    const url = urlOfServer({ host: bind.host, port });
    const shown = tls === null ? url : url.replace(/^http/, 'https');
    this.printLine(
      `OrbitDock Server ${serverVersion()} listening on ${shown}`,
      `  Data dir: ${paths.dir}`,
    );
    this.printLine(`  Next: ${await this.#nextStep(paths, url)}`);
  }

  async #nextStep(paths: DataPaths, url: string): Promise<string> {
    const { env } = this.context;
    const isFoundByInit = chooseServerUrl(undefined, paths, env) === url;
    const init = this.commandLine('init', ...(isFoundByInit ? [] : ['--server-url', url]));
    if (!hasHookScript(paths)) return `${init} && ${this.commandLine('install-hooks')}`;
    if (!(await isListeningTo(settingsPath(env, this.home()), paths.hookScript))) {
      return this.commandLine('install-hooks');
    }
    const target = hookUrl(paths);
    // A hook may go through a name or a proxy; only another port of this machine is surely not us.
    if (target !== url && LOCAL_URL.test(target ?? '')) {
      return `${init} (hooks are sent to ${target} now)`;
    }
    return 'start `claude` in any project; its sessions appear here by themselves';
  }
}

/*
 * What systemd learns of a service of type `notify`: that it serves, that it stops, and now and then that it works.
 * Node has no datagram socket of the kind, so systemd's own tool says it.
 */

/** The supervisor that starts us again when we hang. */
interface Supervisor {
  /** @param works  settles while the server does its work; without it nothing more is said, and we are restarted */
  ready(status: string, works: () => Promise<void>): void;
  stopping(): void;
}

/**
 * The supervisor that the environment names; one that does nothing where there is none. What names it is taken out
 * of the environment: what we start is not us.
 *
 * @param env  of the process; changed
 * @param warn  called once when the tool does not run
 */
export function superviseBy(
  env: Record<string, string | undefined>,
  warn: (line: string) => void,
): Supervisor {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: micros, WATCHDOG_PID: pid } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  let timer: NodeJS.Timeout | undefined;
  let isLogged = false;
  const say = (...words: string[]): void => {
    if (!socket) return;
    // It waits until systemd has received it: of a sender that has ended systemd may not know the service.
    const child = spawn('systemd-notify', words, {
      env: { PATH: env.PATH, NOTIFY_SOCKET: socket },
      stdio: 'ignore',
    });
    child.once('error', (error) => {
      if (!isLogged) warn(`orbitdock-server: systemd gets no report: ${error.message}`);
      isLogged = true;
    });
  };
  return {
    ready(status, works) {
      say('--ready', `--status=${status}`);
      const isOurs = pid === undefined || pid === String(process.pid);
      if (!socket || !isOurs || !(Number(micros) > 0)) return;
      timer = setInterval(
        () => {
          works().then(
            () => say('WATCHDOG=1'),
            (error: Error) => warn(`orbitdock-server: not working: ${error.message}`),
          );
        },
        Number(micros) / 1000 / 3,
      ).unref();
    },
    stopping() {
      clearInterval(timer);
      say('STOPPING=1');
    },
  };
}

/*
 * How a running server ends: in order on the first signal, at once on the second, and with a line in
 * the log when it falls over. Everything acknowledged is committed by then, so leaving is always safe.
 */

/** A supervisor that sent SIGTERM waits 20 s before it kills; closing gets half of that. */
const CLOSE_WITHIN_MS = 10_000;
// Not SIGHUP: a handler would undo `nohup`, and without one a closed terminal is just another kill.
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Where signals and crashes come from and how to leave at once: the process, or a test's stand-in. */
export interface Surroundings {
  events: Pick<EventEmitter, 'on' | 'off'>;
  exit(code: number): void;
  warn(line: string): void;
  closeWithinMs?: number;
}

/**
 * Waits for the first stop signal, also while the server still starts, then closes the server.
 *
 * @param opening  the server once it has started
 * @returns the exit code, at latest `closeWithinMs` after the signal
 * @throws what the start or `close` throws: a bug, or an error that the supervisor has to know
 */
export async function closeOnSignal(
  opening: Promise<{ close(): Promise<void> }>,
  surroundings: Surroundings,
): Promise<number> {
  const { events, exit, warn, closeWithinMs = CLOSE_WITHIN_MS } = surroundings;
  let isClosing = false;
  let firstSignal = (): void => {};
  const stop = new Promise<void>((resolve) => {
    firstSignal = resolve;
  });
  const onSignal = (name: (typeof STOP_SIGNALS)[number]): void => {
    if (isClosing) exit(128 + constants.signals[name]);
    isClosing = true;
    firstSignal();
  };
  for (const name of STOP_SIGNALS) events.on(name, onSignal);
  try {
    // A signal that comes while the server starts counts: it is closed once it has started.
    const server = await opening;
    await stop;
    const isLate = await isLaterThan(closeWithinMs, server.close());
    if (isLate)
      warn(`orbitdock-server: not closed within ${closeWithinMs / 1000} s, leaving anyway`);
    return EXIT.ok;
  } finally {
    for (const name of STOP_SIGNALS) events.off(name, onSignal);
  }
}

async function isLaterThan(limitMs: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<true>((resolve) => {
    timer = setTimeout(resolve, limitMs, true);
  });
  try {
    return await Promise.race([work.then(() => false), limit]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Makes a bug outside every session end the process, after it was written down: going on with unknown
 * state would be worse than the restart by the supervisor.
 */
export function exitOnCrash(config: Config, { events, exit, warn }: Surroundings): void {
  const onCrash = async (thrown: unknown): Promise<void> => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    warn(`orbitdock-server: ${error.stack ?? error.message}`);
    try {
      // Loaded here only: the log proper belongs to the server, and this one must not truncate it.
      const { createLogger } = await import('../log.ts');
      const log = createLogger({ ...config.log, truncateOnStart: false }, config.paths.log);
      log.fatal('server.crashed', { error });
      log.close();
    } finally {
      exit(EXIT.software);
    }
  };
  events.on('uncaughtException', onCrash);
  events.on('unhandledRejection', onCrash);
}
