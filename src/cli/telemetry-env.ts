/**
 * `install-hooks --telemetry`: has Claude Code send its telemetry to us, by variables in `env` of its user settings.
 * They beat the user's shell, so nothing is written where telemetry is exported already. What we wrote is kept
 * beside the hooks, so that only that is taken out again.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DataPaths } from '../config.ts';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { writeFileAtomically } from '../files.ts';
import { readTokenFile } from '../secrets.ts';
import { hookUrl, isRecord, type Settings } from './hook-files.ts';

/** Variables that decide where telemetry goes. */
const DECIDING = [
  'CLAUDE_CODE_ENABLE_TELEMETRY',
  'OTEL_LOGS_EXPORTER',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_EXPORTER_OTLP_LOGS_PROTOCOL',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_LOGS_HEADERS',
] as const;

/** Where an administrator's settings are. */
const MANAGED = [
  '/etc/claude-code/managed-settings.json',
  '/Library/Application Support/ClaudeCode/managed-settings.json',
] as const;

type Variables = Readonly<Record<string, unknown>>;

/** Where variables stand, for the sentence that names the place. */
interface Place {
  name: string;
  variables: Variables;
}

/** Places beside the settings that are changed. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  /** The working directory, whose project may have settings. */
  cwd: string;
}

/** What we want there. The logs' own names leave a user's metrics and traces alone. */
function wantedOf(paths: DataPaths): Record<string, string> {
  const url = hookUrl(paths);
  if (url === null) throw new ExitError(EXIT.failure, 'Run `init` first: no address is known');
  const token = readTokenFile(paths.token);
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${url}/v1/logs`,
    OTEL_LOGS_EXPORT_INTERVAL: '200',
    ...(token !== null && { OTEL_EXPORTER_OTLP_LOGS_HEADERS: `Authorization=Bearer ${token}` }),
  };
}

/**
 * Puts our variables into the settings.
 *
 * @returns the names of those that are new or changed
 * @throws ExitError 65, naming the place, where telemetry is exported already; nothing is changed then
 */
export function addTelemetry(
  settings: Settings,
  { paths, path, around }: { paths: DataPaths; path: string; around: Surroundings },
): string[] {
  const wanted = wantedOf(paths);
  const ours = readOurs(paths);
  refuseOthers({ name: path, variables: variablesOf(settings, path) }, wanted, ours);
  const files = [
    join(around.cwd, '.claude', 'settings.json'),
    join(around.cwd, '.claude', 'settings.local.json'),
    ...MANAGED,
  ];
  for (const file of files) {
    if (file !== path) refuseOthers({ name: file, variables: readVariables(file) }, wanted, ours);
  }
  refuseOthers({ name: 'the environment', variables: around.env }, wanted, ours);
  const before = variablesOf(settings, path);
  const kept = Object.entries(before).filter(
    ([name]) => wanted[name] !== undefined || !isOurs(before, ours, name),
  );
  const changed = Object.keys(wanted).filter((name) => before[name] !== wanted[name]);
  settings.env = { ...Object.fromEntries(kept), ...wanted };
  writeFileAtomically(recordOf(paths), `${JSON.stringify(wanted)}\n`, { mode: 0o600 });
  return changed;
}

/** Removes what we wrote and what is unchanged since. @returns the names of what is gone */
export function removeTelemetry(settings: Settings, paths: DataPaths): string[] {
  const ours = readOurs(paths);
  const { env } = settings;
  if (!isRecord(env)) return [];
  const gone = Object.keys(ours).filter((name) => isOurs(env, ours, name));
  if (gone.length === 0) return [];
  const left = Object.entries(env).filter(([name]) => !gone.includes(name));
  if (left.length > 0) settings.env = Object.fromEntries(left);
  else delete settings.env;
  return gone;
}

/** Forgets what was written; after the settings are. */
export function forgetTelemetry(paths: DataPaths): void {
  rmSync(recordOf(paths), { force: true });
}

function isOurs(env: Variables, ours: Variables, name: string): boolean {
  return ours[name] !== undefined && env[name] === ours[name];
}

function refuseOthers({ name: place, variables }: Place, wanted: Variables, ours: Variables): void {
  for (const name of DECIDING) {
    const value = variables[name];
    if (value === undefined || value === wanted[name] || isOurs(variables, ours, name)) continue;
    const sentence =
      `Telemetry was not set up, and nothing was changed: ${name} is set in ${place}, so that another tool ` +
      'may be receiving it. Remove it there, or leave out --telemetry';
    throw new ExitError(EXIT.badInput, sentence);
  }
}

function variablesOf(settings: Settings, path: string): Variables {
  const { env } = settings;
  if (env === undefined) return {};
  if (isRecord(env)) return env;
  throw new ExitError(EXIT.badInput, `${path} was left as it is: its \`env\` is no object`);
}

/** Of settings that are not ours to judge: what cannot be read sets nothing. */
function readVariables(path: string): Variables {
  try {
    const settings: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isRecord(settings) && isRecord(settings.env) ? settings.env : {};
  } catch (error) {
    if (systemCodeOf(error) === null && !(error instanceof SyntaxError)) throw error;
    return {};
  }
}

function recordOf(paths: DataPaths): string {
  return join(paths.dir, 'telemetry-env.json');
}

function readOurs(paths: DataPaths): Variables {
  return existsSync(recordOf(paths))
    ? (JSON.parse(readFileSync(recordOf(paths), 'utf8')) as Variables)
    : {};
}
