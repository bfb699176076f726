/** Providers for runtimes of tests: over an engine of the test's own, or one that has nothing to run. */
import { OrbitError } from '../../src/errors.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { createClaudeProvider } from '../../src/providers/claude/provider.ts';
import { createEngine } from '../../src/providers/codex/engine/app-server.ts';
import type { Engine } from '../../src/providers/codex/engine/engine.ts';
import { createCodexProvider } from '../../src/providers/codex/provider.ts';
import { createProviders, type Providers } from '../../src/providers/registry.ts';

/** The server's providers with this engine as Codex. */
export function providersOver(
  engine: Engine,
  env: Readonly<Record<string, string | undefined>> = {},
): Providers {
  return createProviders([
    createCodexProvider({
      ...{ engine, env, naming: null, log: SILENT_LOGGER },
      ...{ daemons: null, mode: 'private' },
      ...{ homes: [], stateBefore: '' },
    }),
    createClaudeProvider({ transcriptRoots: [], homes: [] }),
  ]);
}

/** The providers of a machine that has no Codex: the engine is real but finds no binary. */
export function noCodex(): { providers: Providers } {
  const engine = createEngine({
    log: SILENT_LOGGER,
    version: 'test',
    env: {},
    findBinary: () => {
      throw new OrbitError('codex_error', { reason: 'not installed here' });
    },
  });
  return { providers: providersOver(engine) };
}
