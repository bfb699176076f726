/** A runtime over real SQLite without transports: hooks in, inspection out. Closed and removed after the test. */
import { rmSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import type { DataPaths } from '../../src/config.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { createRuntime, type Runtime } from '../../src/runtime/runtime.ts';
import { openWriter, type Writer } from '../../src/store/writer.ts';
import { BARE } from '../support/bare-runtime.ts';
import type { HookBody } from '../support/fixtures.ts';
import { hookKey, scriptOf } from '../support/hooks.ts';
import { noCodex } from '../support/no-codex.ts';
import { temporaryDataPaths } from '../support/server.ts';

export interface InspectionSetup {
  paths: DataPaths;
  runtime: Runtime;
  writer: Writer;
  /** Takes hooks one after the other; resolves when all are committed. */
  take(...hooks: HookBody[]): Promise<void>;
  /** Stops and starts again on the same directory. */
  restart(): Promise<void>;
}

/**
 * Opens a runtime in a data directory of its own.
 *
 * @param prepare  writes what is in the directory before
 */
export async function openInspection(
  prepare?: (paths: DataPaths) => void,
): Promise<InspectionSetup> {
  const paths = temporaryDataPaths();
  prepare?.(paths);
  const open = async () => {
    const writer = await openWriter({ paths, durability: 'normal', log: SILENT_LOGGER });
    return {
      writer,
      runtime: createRuntime({
        writer,
        ...BARE,
        ...noCodex(),
        log: SILENT_LOGGER,
        version: '9.9.9',
      }),
    };
  };
  const close = async () => {
    await stage.writer.close();
    stage.runtime.registry.stop();
  };
  const stage: InspectionSetup = {
    paths,
    ...(await open()),
    async take(...hooks) {
      for (const hook of hooks) {
        await stage.runtime.api.takeHook(hook, { key: hookKey(), origin: 'hook' });
      }
    },
    async restart() {
      await close();
      Object.assign(stage, await open());
    },
  };
  onTestFinished(async () => {
    await close();
    rmSync(paths.dir, { recursive: true, force: true });
  });
  return stage;
}

/** Hooks of a session that asks for permission, is allowed, works on and comes to rest. */
export function sessionWithPermission(id: string): HookBody[] {
  const script = scriptOf(id);
  return [
    script.start(),
    script.prompt('delete the build directory'),
    script.toolStarts('t1', 'rm -rf build'),
    script.asks('rm -rf build'),
    script.toolEnds('t1', 'removed', 'rm -rf build'),
    script.stop('Done.'),
  ];
}
