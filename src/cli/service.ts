/**
 * `install-service` and `uninstall-service`: the server as a service of the user's own service manager,
 * systemd on Linux and launchd on macOS. Paths are quoted as each of them reads it, and a token never
 * stands in the definition: the server reads it from its file.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Option } from 'clipanion';
import { resolveConfig } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { makeDirectory, openDataDirectory, writeFileAtomically } from '../files.ts';
import { createToken, readTokenFile } from '../secrets.ts';
import { OrbitCommand } from './command.ts';
import { hasHookScript, writeHookHeaders } from './hook-files.ts';

const UNIT = 'orbitdock-server.service';
const LABEL = 'com.orbitdock.server';

/** The service manager of this user and system. */
interface ServiceManager {
  /** Where its definition of our service is. */
  file: string;
  /** What a person types to have it started now and at each login. */
  enableWords: readonly string[];
  /** What a person must know once it is enabled. */
  hints: readonly string[];
  definition(program: readonly string[]): string;
  /** A word as it stands in the definition. */
  quote(word: string): string;
  /** @throws ExitError 1 with what the service manager said */
  enable(): void;
  disable(): void;
  stop(): void;
  restart(): void;
  isActive(): boolean;
}

/** Registers the server with the user's service manager. */
export class InstallServiceCommand extends OrbitCommand {
  static override paths = [['install-service']];
  static override usage = OrbitCommand.Usage({
    description: 'Run the server as a service of your user (systemd, launchd)',
    details: `
      Writes the definition of the service; with \`--enable\` it is started now and at each login. A
      bind beyond loopback needs a token: where there is none, one is made and saved as
      \`generate-token\` does.
    `,
    examples: [['Start it now and at each login', '$0 install-service --enable']],
  });

  bind = Option.String('--bind', { description: 'IP:port, [IPv6]:port or localhost:port' });
  enable = Option.Boolean('--enable', false, { description: 'Start it now and at each login' });

  protected async run(): Promise<number> {
    const manager = managerOrRefusal(this.context.env, this.home());
    const paths = this.directory();
    process.umask(0o077);
    openDataDirectory(paths);
    this.#makeTokenIfNeeded();
    // Refuses now what the service would be refused for at each of its starts.
    const { bind } = resolveConfig(this.sources({ bind: this.bind }));
    const address = this.bind === undefined ? [] : ['--bind', this.bind];
    const program = [...this.#program(), '--data-dir', paths.dir, 'start', ...address];
    makeDirectory(dirname(manager.file));
    writeFileAtomically(manager.file, manager.definition(program), { mode: 0o600 });
    this.say(`  Wrote ${manager.file}`);
    if (!this.enable) {
      this.say('  To enable:', `    ${manager.enableWords.join(' ')}`);
      return EXIT.ok;
    }
    manager.enable();
    this.say(`  Service enabled and started on ${bind.host}:${bind.port}`, ...manager.hints);
    return EXIT.ok;
  }

  #makeTokenIfNeeded(): void {
    const paths = this.directory();
    const isWide = this.bind !== undefined && !/^(127\.|localhost:|\[::1\])/.test(this.bind);
    if (!isWide || readTokenFile(paths.token) !== null) return;
    writeFileAtomically(paths.token, `${createToken()}\n`, { mode: 0o600 });
    if (hasHookScript(paths)) writeHookHeaders(paths);
    this.say(`  Auth token generated and saved to ${paths.token}`);
  }

  /** Node by its absolute path: a service has no PATH of a login. */
  #program(): string[] {
    return [process.execPath, realpathSync(process.argv[1] ?? '')];
  }
}

/** Takes the service away again. */
export class UninstallServiceCommand extends OrbitCommand {
  static override paths = [['uninstall-service']];
  static override usage = OrbitCommand.Usage({
    description: 'Stop the service and remove its definition',
    details: 'The data directory stays.',
    examples: [['Remove the service', '$0 uninstall-service']],
  });

  protected async run(): Promise<number> {
    const manager = managerOrRefusal(this.context.env, this.home());
    if (!existsSync(manager.file)) {
      this.say(`  There is no service: ${manager.file} does not exist`);
      return EXIT.ok;
    }
    manager.disable();
    rmSync(manager.file);
    this.say(`  Service stopped; removed ${manager.file}`);
    return EXIT.ok;
  }
}

/** The user's service manager; null where there is none that we know. */
export function serviceManager(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): ServiceManager | null {
  if (process.platform === 'darwin') return launchd(home);
  return process.platform === 'linux' ? systemd(env, home) : null;
}

/** Whether the service is installed for this data directory and its manager runs it. */
export function isServiceActive(manager: ServiceManager, dataDir: string): boolean {
  if (!existsSync(manager.file)) return false;
  const isOurs = readFileSync(manager.file, 'utf8').includes(manager.quote(dataDir));
  return isOurs && manager.isActive();
}

function managerOrRefusal(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): ServiceManager {
  const manager = serviceManager(env, home);
  if (manager !== null) return manager;
  throw new ExitError(
    EXIT.failure,
    `Services are known for Linux and macOS, not ${process.platform}`,
  );
}

function systemd(env: Readonly<Record<string, string | undefined>>, home: string): ServiceManager {
  const config = env.XDG_CONFIG_HOME || join(home, '.config');
  const systemctl = (...words: string[]) => run(env, ['systemctl', '--user', ...words]);
  return {
    file: join(config, 'systemd', 'user', UNIT),
    hints: ['  To have it run while you are not logged in: loginctl enable-linger'],
    enableWords: ['systemctl', '--user', 'enable', '--now', UNIT],
    definition: systemdUnit,
    quote: systemdQuote,
    enable() {
      systemctl('daemon-reload');
      systemctl('enable', '--now', UNIT);
    },
    disable() {
      systemctl('disable', '--now', UNIT);
      systemctl('daemon-reload');
    },
    stop: () => systemctl('stop', UNIT),
    restart: () => systemctl('restart', UNIT),
    isActive: () => succeeds(env, ['systemctl', '--user', '--quiet', 'is-active', UNIT]),
  };
}

function launchd(home: string): ServiceManager {
  const file = join(home, 'Library', 'LaunchAgents', `${LABEL}.plist`);
  const domain = `gui/${process.getuid?.() ?? 0}`;
  const launchctl = (...words: string[]) => run(process.env, ['launchctl', ...words]);
  return {
    file,
    hints: [],
    enableWords: ['launchctl', 'bootstrap', domain, file],
    definition: launchdPlist,
    quote: (word) => `<string>${xmlText(word)}</string>`,
    enable: () => launchctl('bootstrap', domain, file),
    disable: () => launchctl('bootout', `${domain}/${LABEL}`),
    stop: () => launchctl('bootout', `${domain}/${LABEL}`),
    restart: () => launchctl('kickstart', '-k', `${domain}/${LABEL}`),
    isActive: () => succeeds(process.env, ['launchctl', 'print', `${domain}/${LABEL}`]),
  };
}

/** The unit of systemd that runs a program. It cannot use what would keep agents from their work. */
function systemdUnit(program: readonly string[]): string {
  return `[Unit]
Description=OrbitDock Server, mission control for coding agents
StartLimitIntervalSec=120
StartLimitBurst=10

[Service]
ExecStart=${program.map(systemdQuote).join(' ')}
Restart=always
RestartSec=2
# A wrong command line, a data directory in use, a configuration that cannot work: trying again is vain.
RestartPreventExitStatus=64 75 78
TimeoutStopSec=20
KillMode=mixed
UMask=0077
LimitNOFILE=8192
TasksMax=2048
MemoryHigh=1G
OOMPolicy=continue
LockPersonality=yes
RestrictRealtime=yes

[Install]
WantedBy=default.target
`;
}

/** The property list of launchd that runs a program. */
export function launchdPlist(program: readonly string[]): string {
  const strings = program.map((word) => `    <string>${xmlText(word)}</string>`).join('\n');
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${strings}
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ExitTimeOut</key>
  <integer>20</integer>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
`;
}

/**
 * A word of a command as systemd reads it: in quotes, with its specifiers and variables disarmed.
 *
 * @throws ExitError 64 for a line break or another control character, which no unit can hold
 */
function systemdQuote(word: string): string {
  refuseControls(word);
  const text = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return `"${text.replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}

function xmlText(word: string): string {
  refuseControls(word);
  return word.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function refuseControls(word: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (!/[\u0000-\u001f\u007f]/.test(word)) return;
  const named = JSON.stringify(word);
  throw new ExitError(EXIT.usage, `${named} holds control characters; choose another path`);
}

function run(env: Readonly<Record<string, string | undefined>>, words: string[]): void {
  const [program = '', ...rest] = words;
  const { status, error, stderr } = spawnSync(program, rest, { env: { ...env }, encoding: 'utf8' });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim();
  throw new ExitError(EXIT.failure, `\`${words.join(' ')}\` failed: ${reason}`);
}

function succeeds(env: Readonly<Record<string, string | undefined>>, words: string[]): boolean {
  const [program = '', ...rest] = words;
  return spawnSync(program, rest, { env: { ...env }, stdio: 'ignore' }).status === 0;
}
