/**
 * `doctor`: looks at everything that has to be right for sessions to appear, and says of each thing that is
 * not what to do about it. It changes nothing unless it is asked to with `--fix`.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'clipanion';
import { type DataPaths, DEFAULT_BIND } from '../config.ts';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { openDataDirectory } from '../files.ts';
import { OrbitCommand } from './command.ts';
import {
  addonFinding,
  claudeFinding,
  clockFinding,
  codexDaemonFinding,
  codexFinding,
  databaseFinding,
  diskFinding,
  type Finding,
  HERE,
  isTaken,
  nodeFinding,
  proxyFinding,
  serviceFinding,
  tokenFindings,
} from './doctor-checks.ts';
import {
  chooseServerUrl,
  hasAllHooks,
  hookScriptText,
  hookUrl,
  otherCopies,
  shellQuote,
  writeHookFiles,
} from './hook-files.ts';
import { settingsPath } from './install-hooks.ts';
import { readSettings } from './settings-file.ts';
import { countSpooled, lookAtServer } from './status.ts';
import { urlFrom } from './tokens.ts';

const HOOK_WITHIN_MS = 6_000;
const LOOK_EVERY_MS = 50;
/** Where an administrator's settings of Claude Code are. */
const POLICIES = [
  '/etc/claude-code/managed-settings.json',
  '/Library/Application Support/ClaudeCode/managed-settings.json',
];

/** Checks the installation. */
export class DoctorCommand extends OrbitCommand {
  static override paths = [['doctor']];
  static override usage = OrbitCommand.Usage({
    description: 'Check the installation and say how to mend it',
    details: `
      Looks at Node, the data directory, the database, the server and its port, the service, tokens, the clock,
      hooks (also whether one arrives, and through which endpoint), proxies, the agents, Codex's daemon and the disk.
      Where the server has names (\`start --allow-host\`) it is asked through the proxy in front, with a token of a minute:
      whether requests, pages and WebSockets pass; \`--url\` says where clients come in.
      \`--fix\` mends what can be mended without a decision of yours. Exits with 1 when a problem is left.
    `,
    examples: [
      ['Look', '$0 doctor'],
      ['Mend what can be mended', '$0 doctor --fix'],
      ['The way through a proxy', '$0 doctor --url https://dock.example/dock'],
    ],
  });

  json = Option.Boolean('--json', false, { description: 'One JSON object instead of words' });
  fix = Option.Boolean('--fix', false, { description: 'Mend what needs no decision' });
  url = Option.String('--url', { description: 'How clients reach the server through a proxy' });

  protected async run(): Promise<number> {
    const paths = this.directory();
    const findings = [
      nodeFinding(),
      await addonFinding(),
      ...this.#directoryFindings(paths),
      await databaseFinding(paths, this.commandLine('restore')),
      await this.#serverFinding(paths),
      serviceFinding(paths, this.context.env, this.home(), this.commandLine('install-service')),
      ...(await tokenFindings(paths, this.commandLine('tokens', 'rotate'))),
      await clockFinding(paths),
      ...(await this.#hookFindings(paths)),
      proxyFinding(paths, this.context.env),
      await deliveryFinding(paths, this.context.env),
      ...(await this.#frontFindings(paths)),
      claudeFinding(this.context.env, this.home()),
      codexFinding(this.context.env),
      await codexDaemonFinding(this.context.env, this.home()),
    ];
    const problems = findings.filter(({ state }) => state === 'problem').length;
    if (this.json) this.printLine(JSON.stringify({ problems, findings }, null, 2));
    else this.printLine(...findings.flatMap(linesOf), '', `  ${problems} problem(s)`);
    return problems === 0 ? EXIT.ok : EXIT.failure;
  }

  async #frontFindings(paths: DataPaths): Promise<Finding[]> {
    const about = 'proxy in front';
    const { isHealthy, note, url: upstream } = await lookAtServer(paths);
    const urls = this.url === undefined ? (note?.fronts ?? []) : [urlFrom(this.url)];
    if (urls.length === 0) return [{ about, state: 'ok', text: 'none is configured' }];
    if (!isHealthy) return [{ about, state: 'note', text: 'not tried without the server' }];
    const { frontFindings, withTokenOfAMinute } = await import('./doctor-proxy.ts');
    return await withTokenOfAMinute(this, async (token) => {
      const found: Finding[] = [];
      for (const url of urls) {
        found.push(...(await frontFindings({ url, token, upstream: upstream ?? '' })));
      }
      return found;
    });
  }

  #directoryFindings(paths: DataPaths): Finding[] {
    const about = 'data directory';
    const stat = statSync(paths.dir, { throwIfNoEntry: false });
    if (stat === undefined) {
      const text = `${paths.dir} does not exist`;
      return [{ about, state: 'problem', text, remedy: this.commandLine('init') }];
    }
    const isOpen = (stat.mode & 0o077) !== 0;
    if (isOpen && !this.fix) {
      const remedy = this.commandLine('doctor', '--fix');
      return [{ about, state: 'problem', text: `${paths.dir} is open to other users`, remedy }];
    }
    if (isOpen) openDataDirectory(paths);
    const state = isOpen ? 'fixed' : 'ok';
    return [{ about, state, text: `${paths.dir}, for its owner only` }, diskFinding(paths)];
  }

  async #serverFinding(paths: DataPaths): Promise<Finding> {
    const about = 'server';
    const { isRunning, isHealthy, url: address } = await lookAtServer(paths);
    if (isHealthy) return { about, state: 'ok', text: `answers at ${address}` };
    if (isRunning) {
      const text = 'is there but does not answer';
      return { about, state: 'problem', text, remedy: this.commandLine('restart') };
    }
    const url = hookUrl(paths) ?? `http://${DEFAULT_BIND}`;
    if (await isTaken(url)) {
      const text = `is not running, and another program listens at ${url}, where hooks are sent`;
      const other =
        'start it with --bind on another port, then init --server-url with that address';
      return { about, state: 'problem', text, remedy: other };
    }
    const remedy = this.commandLine('start');
    return { about, state: 'note', text: 'is not running; hooks wait in the spool', remedy };
  }

  async #hookFindings(paths: DataPaths): Promise<Finding[]> {
    const { env } = this.context;
    const about = 'hooks';
    const findings: Finding[] = [];
    const isCurrent =
      existsSync(paths.hookScript) && readFileSync(paths.hookScript, 'utf8') === hookScriptText();
    const { isHealthy, url } = await lookAtServer(paths);
    // Of one that is encrypted hooks use the socket; the port is the same.
    const plain = url?.replace(/^https/, 'http') ?? null;
    const isElsewhere = isHealthy && hookUrl(paths) !== plain;
    const wrong = isCurrent
      ? `are sent to ${hookUrl(paths)}, the server is at ${url}`
      : `${paths.hookScript} is missing or of another version`;
    if (isCurrent && !isElsewhere) {
      findings.push({ about, state: 'ok', text: `${paths.hookScript} sends to ${hookUrl(paths)}` });
    } else if (this.fix && existsSync(paths.dir)) {
      writeHookFiles(paths, isHealthy && plain ? plain : chooseServerUrl(undefined, paths, env));
      findings.push({ about, state: 'fixed', text: `${wrong}; written anew` });
    } else {
      const words = isElsewhere && plain ? ['init', '--server-url', plain] : ['init'];
      findings.push({ about, state: 'problem', text: wrong, remedy: this.commandLine(...words) });
    }
    const path = settingsPath(env, this.home());
    findings.push(await registrationFinding(path, paths, this.commandLine('install-hooks')));
    return findings;
  }
}

function linesOf({ about, state, text, remedy }: Finding): string[] {
  const mark = { ok: 'ok     ', note: 'note   ', problem: 'PROBLEM', fixed: 'fixed  ' }[state];
  return [`  ${mark}  ${about}: ${text}`, ...(remedy ? [`           -> ${remedy}`] : [])];
}

async function registrationFinding(
  path: string,
  paths: DataPaths,
  install: string,
): Promise<Finding> {
  const about = 'claude settings';
  try {
    const { settings } = await readSettings(path);
    if (settings.disableAllHooks === true) {
      const remedy = 'remove `disableAllHooks` there';
      return { about, state: 'problem', text: `${path} switches all hooks off`, remedy };
    }
    const policy = POLICIES.find(forbidsHooks);
    if (policy) {
      const remedy = 'ask your administrator to register the hooks there';
      return { about, state: 'problem', text: `${policy} allows no hooks of yours`, remedy };
    }
    const [other] = otherCopies(settings, paths.hookScript);
    if (other !== undefined) {
      const text = `${path} also runs ${other}, of another data directory: each event is sent twice`;
      const remedy = `orbitdock-server --data-dir ${shellQuote(dirname(other))} uninstall-hooks`;
      return { about, state: 'problem', text, remedy };
    }
    if (hasAllHooks(settings, paths.hookScript)) {
      return { about, state: 'ok', text: `${path} runs ${paths.hookScript}` };
    }
    return { about, state: 'problem', text: `${path} does not run our hooks`, remedy: install };
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    return { about, state: 'problem', text: error.message };
  }
}

function forbidsHooks(policy: string): boolean {
  if (!existsSync(policy)) return false;
  const text = readFileSync(policy, 'utf8');
  return /"(allowManagedHooksOnly|disableAllHooks)"\s*:\s*true/.test(text);
}

/**
 * Runs the hook script as Claude Code does, with an event that changes nothing, and sees whether it leaves the
 * spool. What stays there has not reached the server.
 */
async function deliveryFinding(
  paths: DataPaths,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding> {
  const about = 'delivery';
  const { isHealthy } = await lookAtServer(paths);
  if (!isHealthy || !existsSync(paths.hookScript)) {
    const text = `not tried without server and hook script; ${countSpooled(paths.spool)} hook(s) wait`;
    return { about, state: 'note', text };
  }
  // Of its own: what an earlier try has left in the spool is not this one.
  const sessionId = `doctor-${randomUUID()}`;
  const child = spawn(paths.hookScript, ['claude_status_event'], {
    env: { ...env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<Error | null>((resolve) => {
    child.once('error', resolve);
    child.once('close', () => resolve(null));
  });
  // A script that ends without reading it closes the pipe; what is in the spool shows it.
  child.stdin.on('error', () => {});
  child.stdin.end(
    JSON.stringify({ session_id: sessionId, hook_event_name: 'ConfigChange', cwd: '/' }),
  );
  const endpoint = hookAddress(paths);
  const error = await ended;
  if (error)
    return { about, state: 'problem', text: `the hook script does not run: ${error.message}` };
  for (let waited = 0; isSpooled(paths, sessionId); waited += LOOK_EVERY_MS) {
    if (waited > HOOK_WITHIN_MS) {
      const text = `a hook did not arrive through ${endpoint} within ${HOOK_WITHIN_MS / 1000} s; it waits in the spool`;
      return { about, state: 'problem', text, remedy: `look into ${paths.log}` };
    }
    await sleep(LOOK_EVERY_MS);
  }
  return { about, state: 'ok', text: `a hook arrived through ${endpoint}` };
}

/** As hook.sh chooses: the socket beside it where there is one, whatever port of this machine was named. */
function hookAddress(paths: DataPaths): string | null {
  const url = hookUrl(paths);
  const isHere = url !== null && HERE.test(new URL(url).hostname);
  return isHere && existsSync(paths.socket) ? paths.socket : url;
}

function isSpooled({ spool }: DataPaths, sessionId: string): boolean {
  return readdirSync(spool).some((name) => {
    try {
      return name.endsWith('.json') && readFileSync(join(spool, name), 'utf8').includes(sessionId);
    } catch (error) {
      // Delivered while we looked.
      if (systemCodeOf(error) === 'ENOENT') return false;
      throw error;
    }
  });
}
