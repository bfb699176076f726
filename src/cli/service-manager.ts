/**
 * The service managers that we know, systemd and launchd: where each has its definition of our service, how it writes a
 * path, and what it is asked.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { EXIT, ExitError } from '../exit.ts';

const UNIT = 'orbitdock-server.service';
const LABEL = 'com.orbitdock.server';

type Env = Readonly<Record<string, string | undefined>>;

/** The service manager of this user and system. */
export interface ServiceManager {
  /** Where its definition of our service is. */
  file: string;
  /** What a person types to have it started now and at each login. */
  enableWords: readonly string[];
  /** What a person must know once it is enabled. */
  hints: readonly string[];
  /** @param user  under whose name it runs, where the manager is not that user's own */
  definition(program: readonly string[], user: string | null): string;
  /** A word as it is in the definition. */
  quote(word: string): string;
  /** @throws ExitError 1 with what the service manager said */
  enable(): void;
  disable(): void;
  stop(): void;
  restart(): void;
  isActive(): boolean;
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

/** The one that is meant. @throws ExitError 64 or 1 where there is none */
export function managerOrRefusal(env: Env, home: string, isSystem: boolean): ServiceManager {
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
export function ownerOf(env: Env, home: string): { name: string; home: string } {
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
# systemd-notify sends for the server, as a process of its own.
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
# glibc keeps what its threads freed, each in a heap of its own: two of them instead of sixteen spare ten megabytes.
Environment=MALLOC_ARENA_MAX=2
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
