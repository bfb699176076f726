/**
 * The real `claude`, installed for tests only and kept away from the machine it runs on.
 *
 * It is proprietary and large, so it is neither a dependency nor part of the repository: npm puts it into a
 * cache folder, once. Every run gets an emptied environment: a scratch HOME, a fake API, and a proxy that
 * refuses all other hosts. Nothing here may inherit `process.env`.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The newest version whose `engines` admits Node 20, so what npm gives a user of ours; another one by wish. */
const CLAUDE_VERSION = process.env.ORBITDOCK_TEST_CLAUDE_VERSION ?? '2.1.197';

/** The key of no account; the presets say to the CLI that the user has approved it. */
const API_KEY = 'dummy';

/** A printed turn takes about 1 s; one that has not ended by then hangs, ms. */
const PRINT_WITHIN_MS = 60_000;

const run = promisify(execFile);

/**
 * Installs the CLI unless it is there, and returns the path of its binary.
 *
 * Safe to call from several processes: each installs aside and the first rename wins.
 * @throws when npm cannot install it, with npm's words and the remedy; a test must not skip itself.
 */
export async function installClaude(): Promise<string> {
  const folder =
    process.env.ORBITDOCK_TEST_CLAUDE_DIR ??
    join(tmpdir(), `orbitdock-test-claude-${CLAUDE_VERSION}`);
  const binary = binaryIn(folder);
  if (!existsSync(binary)) await installInto(folder);
  const { stdout } = await run(binary, ['--version'], {
    env: { HOME: folder, PATH: PATH_FOR_TOOLS },
  });
  if (!stdout.startsWith(CLAUDE_VERSION)) {
    throw new Error(
      `${binary} is ${stdout.trim()}, not ${CLAUDE_VERSION}; delete ${folder} and run again`,
    );
  }
  return binary;
}

/** Where `node`, `sh`, `curl` and the tools of the CLI are found; the caller's own PATH may hold a `claude`. */
const PATH_FOR_TOOLS = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':');

const binaryIn = (folder: string): string => join(folder, 'node_modules', '.bin', 'claude');

async function installInto(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const aside = await mkdtemp(`${folder}-installing-`);
  try {
    await writeFile(join(aside, 'package.json'), '{ "private": true }\n');
    // Its install script puts the binary in place, so a user's `ignore-scripts` must not hold here.
    const flags = ['--ignore-scripts=false', '--no-audit', '--no-fund', '--no-package-lock'];
    const words = ['install', `@anthropic-ai/claude-code@${CLAUDE_VERSION}`, '--loglevel=error'];
    await run('npm', [...words, ...flags], { cwd: aside });
    await rename(aside, folder).catch((error) => {
      // Another process was first: its copy is as good as ours. A folder of something else is not.
      if (!existsSync(binaryIn(folder))) throw error;
    });
  } catch (cause) {
    const remedy = `let npm reach its registry, or point ORBITDOCK_TEST_CLAUDE_DIR at a folder where "npm install @anthropic-ai/claude-code@${CLAUDE_VERSION}" was run`;
    throw new Error(`The real claude could not be installed; ${remedy}`, { cause });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** A home that no user has ever seen, and a project in it that the CLI trusts. */
export interface ClaudeHome extends AsyncDisposable {
  readonly home: string;
  readonly project: string;
  /** The whole environment of a `claude` that lives here. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Makes a scratch HOME with a trusted project, presets that skip the first-run questions, and the environment
 * of a CLI that talks to `apiUrl` only.
 */
export async function createClaudeHome(apiUrl: string): Promise<ClaudeHome> {
  // The CLI puts a socket below TMPDIR: the path must stay short (108 bytes on Linux).
  const scratch = await mkdtemp(join(tmpdir(), 'odc-'));
  const home = join(scratch, 'home');
  const project = join(home, 'shop');
  const temporary = join(scratch, 'tmp');
  for (const folder of [project, temporary, join(home, '.claude')]) {
    await mkdir(folder, { recursive: true });
  }
  const presets = {
    hasCompletedOnboarding: true,
    theme: 'dark',
    customApiKeyResponses: { approved: [API_KEY], rejected: [] },
    projects: { [project]: { hasTrustDialogAccepted: true } },
  };
  await writeFile(join(home, '.claude.json'), JSON.stringify(presets));
  return {
    home,
    project,
    env: claudeEnv({ home, temporary, apiUrl }),
    [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Everything a hermetic `claude` may know; complete, so never to be merged with `process.env`. */
function claudeEnv(of: {
  home: string;
  temporary: string;
  apiUrl: string;
}): Record<string, string> {
  return {
    HOME: of.home,
    PATH: PATH_FOR_TOOLS,
    TERM: 'tmux-256color',
    LANG: 'C.UTF-8',
    SHELL: '/bin/bash',
    TMPDIR: of.temporary,
    CLAUDE_CODE_TMPDIR: of.temporary,
    ANTHROPIC_BASE_URL: of.apiUrl,
    ANTHROPIC_API_KEY: API_KEY,
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    // Not counted as nonessential: an interactive start clones the plugin marketplace from GitHub.
    CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: '1',
    // The fake API refuses to be a proxy and notes who was asked for.
    HTTP_PROXY: of.apiUrl,
    HTTPS_PROXY: of.apiUrl,
    NO_PROXY: '127.0.0.1,localhost',
  };
}

/** How a `claude -p` ended. */
export interface PrintedRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `claude -p prompt` in the home's project to its end. */
export async function printClaude(
  binary: string,
  { project, env }: ClaudeHome,
  prompt: string,
): Promise<PrintedRun> {
  const child = spawn(binary, ['-p', '--permission-mode', 'default', prompt], {
    cwd: project,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PRINT_WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}
