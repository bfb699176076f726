/**
 * What a house without Codex gets: an engine that is real but has nothing to run.
 */
import type { CodexConfig } from '../../src/config.ts';
import { createEngine } from '../../src/connectors/codex/engine/app-server.ts';
import type { Engine } from '../../src/connectors/codex/engine/engine.ts';
import { OrbitError } from '../../src/errors.ts';
import { SILENT_LOGGER } from '../../src/log.ts';

/** Engine and configuration of a house whose machine has no Codex. */
export function noCodex(): { engine: Engine; codex: CodexConfig } {
  const engine = createEngine({
    log: SILENT_LOGGER,
    version: 'test',
    env: {},
    findBinary: () => {
      throw new OrbitError('codex_error', { reason: 'not installed here' });
    },
  });
  return { engine, codex: { env: {}, naming: null } };
}
