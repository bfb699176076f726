/** All providers of a server: a new one is added here, and nowhere else outside its own folder. */
import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import { claudeHomes } from './claude/homes.ts';
import { createClaudeProvider } from './claude/provider.ts';
import { createEngine } from './codex/engine/app-server.ts';
import { daemonsOf } from './codex/engine-choice.ts';
import { createCodexProvider } from './codex/provider.ts';
import { codexHomes } from './codex/rollouts/rollout-files.ts';
import { createDemoProvider } from './demo/provider.ts';
import { createProviders, type Providers } from './registry.ts';

/** What providers are made from. */
export interface ProvidersDeps {
  config: Pick<Config, 'claude' | 'codex' | 'paths' | 'places'>;
  log: Logger;
  version: string;
}

/** Makes them. Nothing runs yet: an engine starts when it is first needed. */
export function openProviders({ config, log, version }: ProvidersDeps): Providers {
  const { claude, codex, paths, places } = config;
  const { env, naming } = codex;
  const homes = codexHomes(codex.homes, { ...env, HOME: codex.home });
  const engineLog = log.child('codex');
  const engine = createEngine({ log: engineLog, version, env, tracesFile: paths.codexTraces });
  const { mode } = codex;
  const daemons = codex.isWatched ? daemonsOf(codex, { log: engineLog, version }) : null;
  return createProviders([
    createCodexProvider({
      ...{ engine, daemons, mode, env, naming, log: engineLog },
      homes: codex.isWatched ? homes : [],
      stateBefore: paths.codexRollouts,
    }),
    createClaudeProvider({
      transcriptRoots: places.transcriptRoots,
      homes: claude.isWatched ? claudeHomes(claude.homes, claude.env) : [],
    }),
  ]);
}

/** Those of the demo: recorded hooks of Claude, and an agent that plays in the place of Codex. */
export function openDemoProviders(speed: number): Providers {
  return createProviders([
    createDemoProvider(speed),
    createClaudeProvider({ transcriptRoots: [], homes: [] }),
  ]);
}

/** What the agent of the demo is begun with. */
export { STORIES as DEMO_STORIES } from './demo/stories.ts';
