/** Claude Code as a provider: its sessions run in terminals and are watched. */
import type { Provider, WatchPort } from '../provider.ts';
import { readHook } from './hooks/reading.ts';
import { readSubagentTools } from './hooks/subagent-tools.ts';

/** Where Claude Code keeps what is read of it. */
export interface ClaudeProviderDeps {
  /** Directories in which transcripts may be read. */
  transcriptRoots: readonly string[];
  /** Homes whose live registries are watched; none: nothing is read there. */
  homes: readonly string[];
}

/** Claude Code over its own files. */
export function createClaudeProvider({ transcriptRoots, homes }: ClaudeProviderDeps): Provider {
  return {
    id: 'claude',
    name: 'Claude Code',
    steering: null,
    catalog: null,
    account: null,
    namer: null,
    readHook,
    subagentTools: (transcriptPath, id) => readSubagentTools(transcriptPath, id, transcriptRoots),
    watch: homes.length === 0 ? null : (port) => watchRegistries(homes, port),
    start: () => {},
    close: async () => {},
  };
}

/** Loaded when the watch begins: chokidar is no part of the way to the first answer. */
async function watchRegistries(homes: readonly string[], port: WatchPort) {
  const { RegistryWatch } = await import('./registry-watch.ts');
  const watch = new RegistryWatch({ ...port, homes });
  await watch.start();
  return watch;
}
