/** An engine for houses without a Codex: it says so to whoever needs one. */
import type { Engine } from '../../src/connectors/codex/engine.ts';
import { OrbitError } from '../../src/errors.ts';

export const NO_ENGINE: Engine = {
  state: 'stopped',
  request: () =>
    Promise.reject(new OrbitError('codex_error', { reason: 'there is no Codex here' })),
  respond: () => {},
  listen: () => () => {},
  onReport: () => () => {},
  onState: () => () => {},
  close: () => Promise.resolve(),
};
