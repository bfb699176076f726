/**
 * `install-service` and `uninstall-service`: the server as a service of the user's own service manager,
 * systemd on Linux and launchd on macOS, or (`--system`) of the machine's systemd under the user's name. Paths are quoted as each of them reads it, and a token never
 * stands in the definition: the server reads it from its file.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { Option } from 'clipanion';
import { resolveConfig } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { makeDirectory, openDataDirectory, writeFileAtomically } from '../files.ts';
import { createToken, readTokenFile } from '../secrets.ts';
import { isStandalone } from '../standalone.ts';
import { OrbitCommand } from './command.ts';
import { hasHookScript, writeHookHeaders } from './hook-files.ts';

const UNIT = 'orbitdock-server.service';
const LABEL = 'com.orbitdock.server';

type Env = Readonly<Record<string, string | undefined>>;

/** The service manager of this user and system. */
interface ServiceManager {
  /** Where its definition of our service is. */
  file: string;
  /** What a person types to have it started now and at each login. */
  enableWords: readonly string[];
  /** What a person must know once it is enabled. */
  hints: readonly string[];
  /** @param user  under whose name it runs, where the manager is not that user's own */
  definition(program: readonly string[], user: string | null): string;
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
  tlsCert = Option.String('--tls-cert', { description: 'As of start: the certificate (PEM)' });
  tlsKey = Option.String('--tls-key', { description: 'The key of --tls-cert (PEM)' });
  system = Option.Boolean('--system', false, {
    description:
      'Of the machine instead of your login (systemd, as root): runs as the user who called sudo',
  });

  /** With `sudo` the service and its data are those of the user who called it. */
  protected override home(): string {
    return this.system ? ownerOf(this.context.env, super.home()).home : super.home();
  }

  protected async run(): Promise<number> {
    const manager = managerOrRefusal(this.context.env, this.home(), this.system);
    const paths = this.directory();
    process.umask(0o077);
    const owner = this.system ? ownerOf(this.context.env, super.home()) : null;
    // Made by root, it would not be its user's.
    if (owner !== null && !existsSync(paths.dir)) {
      throw new ExitError(
        EXIT.configuration,
        `${paths.dir} does not exist; run \`orbitdock-server init\` as ${owner.name} first`,
      );
    }
    if (owner === null) openDataDirectory(paths);
    this.#makeTokenIfNeeded();
    // Refuses now what the service would be refused for at each of its starts.
    const { tlsCert, tlsKey } = this;
    const { bind, tls } = resolveConfig(this.sources({ bind: this.bind, tlsCert, tlsKey }));
    const address = [
      ...(this.bind === undefined ? [] : ['--bind', this.bind]),
      ...(tls === null ? [] : ['--tls-cert', tls.cert, '--tls-key', tls.key]),
    ];
    const program = [...this.#program(), '--data-dir', paths.dir, 'start', ...address];
    makeDirectory(dirname(manager.file));
    const mode = this.system ? 0o644 : 0o600;
    writeFileAtomically(manager.file, manager.definition(program, owner?.name ?? null), { mode });
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
    const { uid, gid } = statSync(paths.dir);
    writeFileAtomically(paths.token, `${createToken()}\n`, { mode: 0o600, owner: { uid, gid } });
    if (hasHookScript(paths)) {
      writeHookHeaders(paths);
      chownSync(paths.hookHeaders, uid, gid);
    }
    this.say(`  Auth token generated and saved to ${paths.token}`);
  }

  /** Node by its absolute path: a service has no PATH of a login. */
  #program(): string[] {
    if (isStandalone()) return [process.execPath];
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

  system = Option.Boolean('--system', false, { description: 'The one of the machine' });

  protected async run(): Promise<number> {
    const manager = managerOrRefusal(this.context.env, this.home(), this.system);
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

/**
 * The service that is installed for this data directory, of the user or of the machine; else the user's, installed or
 * not; null where there is no service manager that we know.
 */
export function serviceManager(env: Env, home: string, dataDir: string): ServiceManager | null {
  if (process.platform === 'darwin') return launchd(home);
  if (process.platform !== 'linux') return null;
  const all = [systemd(env, home), machineSystemd(env)];
  return all.find((manager) => isServiceOf(manager, dataDir)) ?? systemd(env, home);
}

/** Whether the service is installed for this data directory and its manager runs it. */
export function isServiceActive(manager: ServiceManager, dataDir: string): boolean {
  return isServiceOf(manager, dataDir) && manager.isActive();
}

/** Whether the definition that is installed is for this data directory. */
export function isServiceOf({ file, quote }: ServiceManager, dataDir: string): boolean {
  return existsSync(file) && readFileSync(file, 'utf8').includes(quote(dataDir));
}

function managerOrRefusal(env: Env, home: string, isSystem: boolean): ServiceManager {
  const isLinux = process.platform === 'linux';
  if (isSystem && isLinux) return machineSystemd(env);
  if (isSystem) throw new ExitError(EXIT.usage, '--system is for systemd on Linux');
  if (isLinux) return systemd(env, home);
  if (process.platform === 'darwin') return launchd(home);
  throw new ExitError(
    EXIT.failure,
    `Services are known for Linux and macOS, not ${process.platform}`,
  );
}

/** Who the service of the machine runs as: the user who called `sudo`, else ourselves. */
function ownerOf(env: Env, home: string): { name: string; home: string } {
  const name = env.SUDO_USER;
  if (!name || process.getuid?.() !== 0) return { name: userInfo().username, home };
  const row = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([user]) => user === name);
  return { name, home: row?.[5] ?? home };
}

function systemd(env: Env, home: string): ServiceManager {
  const config = env.XDG_CONFIG_HOME || join(home, '.config');
  return {
    ...systemdUnitAt(env, ['systemctl', '--user']),
    file: join(config, 'systemd', 'user', UNIT),
    hints: ['  To have it run while you are not logged in: loginctl enable-linger'],
    definition: (program) => systemdUnit(program, null),
  };
}

/** The systemd of the machine; `SYSTEMD_UNIT_PATH` is its own word for where units are. */
function machineSystemd(env: Env): ServiceManager {
  return {
    ...systemdUnitAt(env, ['systemctl']),
    file: join(env.SYSTEMD_UNIT_PATH?.split(':')[0] || '/etc/systemd/system', UNIT),
    hints: [],
    definition: systemdUnit,
  };
}

function systemdUnitAt(env: Env, tool: readonly string[]) {
  const systemctl = (...words: string[]) => run(env, [...tool, ...words]);
  return {
    enableWords: [...tool, 'enable', '--now', UNIT],
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
    isActive: () => succeeds(env, [...tool, '--quiet', 'is-active', UNIT]),
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

/**
 * The unit of systemd that runs a program. It cannot use what would keep agents from their work.
 *
 * @param user  under whose name, for the machine's systemd; null: of the user's own
 */
function systemdUnit(program: readonly string[], user: string | null): string {
  return `[Unit]
Description=OrbitDock Server, mission control for coding agents
StartLimitIntervalSec=120
StartLimitBurst=10
${user === null ? '' : 'After=network-online.target\nWants=network-online.target\n'}
[Service]
Type=notify
# systemd-notify speaks for the server, as a process of its own.
NotifyAccess=all
WatchdogSec=30
# A large database is copied before it is migrated.
TimeoutStartSec=600
${user === null ? '' : `User=${user}\n`}ExecStart=${program.map(systemdQuote).join(' ')}
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
WantedBy=${user === null ? 'default.target' : 'multi-user.target'}
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

function run(env: Env, words: string[]): void {
  const [program = '', ...rest] = words;
  const { status, error, stderr } = spawnSync(program, rest, { env: { ...env }, encoding: 'utf8' });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim();
  throw new ExitError(EXIT.failure, `\`${words.join(' ')}\` failed: ${reason}`);
}

function succeeds(env: Env, words: string[]): boolean {
  const [program = '', ...rest] = words;
  return spawnSync(program, rest, { env: { ...env }, stdio: 'ignore' }).status === 0;
}
