/**
 * A home for the real `codex` that no user has ever seen, set up so that a run reaches nothing but the
 * fake API, and an engine that lives there. Nothing here inherits `process.env`.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SILENT_LOGGER } from '../../src/log.ts';
import { createEngine, type EngineDeps } from '../../src/providers/codex/engine/app-server.ts';
import type { Engine } from '../../src/providers/codex/engine/engine.ts';
import type { FakeResponsesApi } from './fake-responses-api.ts';

/** A model with direct tools and one that uses code mode; what we do must work with both. */
export const MODELS = { direct: 'gpt-5.5', code: 'gpt-6.1-sol' } as const;

/** A scratch CODEX_HOME with a project folder beside it. */
export interface CodexHome extends AsyncDisposable {
  /** CODEX_HOME itself. */
  readonly codexHome: string;
  /** An empty folder to work in, not a git repository. */
  readonly project: string;
  /** The whole environment of a `codex` that lives here. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a home may be made with. */
export interface CodexHomeOptions {
  readonly model?: string;
  /** More of config.toml: lines for its head, where keys without a table must stand. */
  readonly top?: string;
  /** More of config.toml: lines of its table of features. */
  readonly features?: string;
  /** More of config.toml: tables. */
  readonly tables?: string;
  /** Talk to the built-in provider (accounts, logins) instead of the fake one. */
  readonly openai?: boolean;
  /** A terminal of this home asks nothing at its start. */
  readonly hasTerminals?: boolean;
}

/** Makes a scratch home whose Codex talks to `api` only. */
export async function createCodexHome(
  api: Pick<FakeResponsesApi, 'url'>,
  options: CodexHomeOptions = {},
): Promise<CodexHome> {
  const scratch = await mkdtemp(join(tmpdir(), 'odx-'));
  const home = join(scratch, 'home');
  const codexHome = join(home, '.codex');
  const project = join(home, 'shop');
  // Codex refuses to put its helpers below TMPDIR, so TMPDIR is beside its home and not above it.
  const temporary = join(scratch, 'tmp');
  for (const folder of [codexHome, project, temporary]) await mkdir(folder, { recursive: true });
  await writeFile(join(codexHome, 'config.toml'), configOf(api.url, project, options));
  return {
    codexHome,
    project,
    env: {
      HOME: home,
      CODEX_HOME: codexHome,
      PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
      LANG: 'C.UTF-8',
      SHELL: '/bin/bash',
      TMPDIR: temporary,
      FAKE_KEY: 'dummy',
      // The fake API refuses to be a proxy and notes who was asked for.
      HTTP_PROXY: api.url,
      HTTPS_PROXY: api.url,
      NO_PROXY: '127.0.0.1,localhost',
    },
    [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** An engine over the real binary in such a home; close it before the home goes. */
export function startEngine(home: Pick<CodexHome, 'env'>, deps: Partial<EngineDeps> = {}): Engine {
  return createEngine({ log: SILENT_LOGGER, version: '0.0.0-test', env: home.env, ...deps });
}

/** What a terminal would ask at its start is answered already. */
function quietTerminals(project: string): string {
  const trust = `[projects."${project}"]\ntrust_level = "trusted"`;
  return `${trust}\n[notice.model_migrations]\n"gpt-5.5" = "gpt-6-sol"`;
}

function configOf(
  url: string,
  project: string,
  {
    hasTerminals,
    model = MODELS.direct,
    top = '',
    features = '',
    tables = '',
    openai,
  }: CodexHomeOptions,
) {
  return `
model = "${model}"
model_provider = "${openai ? 'openai' : 'fake'}"
openai_base_url = "${url}/v1"
approval_policy = "on-request"
sandbox_mode = "workspace-write"
check_for_update_on_startup = false
web_search = "disabled"
suppress_unstable_features_warning = true
cli_auth_credentials_store = "file"
${top}

[model_providers.fake]
name = "Fake"
base_url = "${url}/v1"
wire_api = "responses"
env_key = "FAKE_KEY"
request_max_retries = 0
stream_max_retries = 0
supports_websockets = false

[tools.update_plan]
enabled = true

[features]
default_mode_request_user_input = true
${features}
# Each of these reaches for the network at the start.
plugins = false
remote_plugin = false
apps = false

[analytics]
enabled = false

# The scratch home itself lies below /tmp, which is otherwise open to every command.
[sandbox_workspace_write]
exclude_slash_tmp = true
exclude_tmpdir_env_var = true
${hasTerminals ? quietTerminals(project) : ''}
${tables}`;
}
