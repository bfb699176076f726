/**
 * `start`: decides the configuration, opens the data directory, starts the server and stays until a
 * signal. Also what an omitted subcommand means. The server itself is loaded only once all is decided.
 */
import { Option } from 'clipanion';
import { formatAddress } from '../address.ts';
import type { Config, DataPaths } from '../config.ts';
import { resolveConfig } from '../config.ts';
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
import { closeOnSignal, exitOnCrash } from './shutdown.ts';

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
    description: 'Bind beyond loopback without a token: whoever reaches it can run commands here',
  });
  allowOrigins = Option.Array('--allow-origin', {
    description: 'Origin of a web page that may connect, such as https://dock.example',
  });
  allowHosts = Option.Array('--allow-host', {
    description: 'Host name of a proxy in front of us; makes a token necessary',
  });
  browseRoots = Option.Array('--browse-root', {
    description: 'Directory that clients may look into besides your home',
  });
  claudeHomes = Option.Array('--claude-home', {
    description: 'Claude home to watch besides ~/.claude and CLAUDE_CONFIG_DIR',
  });
  watchClaude = Option.Boolean('--watch-claude', {
    description: 'Off by --no-watch-claude: tell the state of sessions by hooks alone',
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
      return server;
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
      warnings.push(`whoever can reach ${address} can run commands on this machine`);
    } else if (!config.bind.isLoopback) {
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

  async #greet({ bind, paths }: Config, port: number): Promise<void> {
    const url = urlOfServer({ host: bind.host, port });
    this.say(`OrbitDock Server ${serverVersion()} listening on ${url}`, `  Data dir: ${paths.dir}`);
    this.say(`  Next: ${await this.#nextStep(paths, url)}`);
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
