/**
 * The server as tests have it: in this process on a port of its own, in a data directory that goes with
 * it. Real sockets, real SQLite, the real start. `restart` stops it in order and starts it again on the
 * same directory and port, so that clients and hook.sh find it where it was.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { runCli } from '../../src/cli/index.ts';
import { type DataPaths, dataPaths, type Flags, resolveConfig } from '../../src/config.ts';
import { openDataDirectory } from '../../src/files.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import { type Server, type ServerParts, startServer } from '../../src/server.ts';

/** A server in this process; disposing of it stops it and removes its data directory. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly paths: DataPaths;
  /** Stops in order; the directory stays. */
  stop(): Promise<void>;
  /** Starts again where it was; it must have been stopped. */
  start(): Promise<void>;
  restart(): Promise<void>;
}

/** What a test may say about its server. */
export interface TestServerOptions {
  /** Environment of the server and of the agents it starts; unless given, one in which there are none. */
  env?: Readonly<Record<string, string>>;
  /** A data directory that another server of the test has left; it stays. */
  paths?: DataPaths;
  /** Options of `start` besides data directory and address. */
  flags?: Flags;
  /** The clock of notifications, and how push services are reached. */
  notify?: ServerParts['notify'];
  /** Providers instead of the server's own. */
  providers?: readonly Provider[];
}

/** Starts a server on a port of its own. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const paths = options.paths ?? temporaryDataPaths();
  const env = options.env ?? withoutAgents(paths);
  const { providers, flags = {} } = options;
  const parts = {
    ...(providers && { openProviders: () => createProviders(providers) }),
    ...(options.notify && { notify: options.notify }),
  };
  let running: Server | null = await startOn(paths, 0, { env, parts, flags });
  const { port } = running;
  const stop = async (): Promise<void> => {
    await running?.close();
    running = null;
  };
  const start = async (): Promise<void> => {
    running = await startOn(paths, port, { env, parts, flags });
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    paths,
    stop,
    start,
    async restart() {
      await stop();
      await start();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      if (!options.paths) rmSync(paths.dir, { recursive: true, force: true });
    },
  };
}

/** A data directory nobody has used yet; whoever asks for it removes it. */
export function temporaryDataPaths(): DataPaths {
  return dataPaths(mkdtempSync(join(tmpdir(), 'orbit-flow-')));
}

/** Installs hook.sh into the data directory the way a user does, pointing at this server. */
export async function installHookScript(paths: DataPaths, url: string): Promise<void> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const argv = ['--data-dir', paths.dir, 'init', '--server-url', url];
  const code = await runCli(argv, { env: { HOME: paths.dir }, stdout: silent, stderr: silent });
  if (code !== 0) throw new Error(`init ended with ${code}`);
}

/** No agent is found, and nobody's home but the test's own is looked into. */
function withoutAgents({ dir }: DataPaths): Record<string, string> {
  return { HOME: dir, CODEX_HOME: join(dir, 'codex'), CODEX_BIN: join(dir, 'no-codex-here') };
}

async function startOn(
  paths: DataPaths,
  port: number,
  {
    env,
    parts,
    flags: more,
  }: { env: Readonly<Record<string, string>>; parts: ServerParts; flags: Flags },
): Promise<Server> {
  openDataDirectory(paths);
  const flags = { ...more, dataDir: paths.dir, bind: `127.0.0.1:${port}` };
  return startServer(resolveConfig({ flags, env, home: paths.dir }), parts);
}
