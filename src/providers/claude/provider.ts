/** Claude Code as a provider: its sessions run in terminals and are watched. */
import type { Provider } from '../provider.ts';
import { readHook } from './hooks/reading.ts';
import { readSubagentTools } from './hooks/subagent-tools.ts';

/** @param transcriptRoots  directories in which transcripts may be read */
export function createClaudeProvider({
  transcriptRoots,
}: {
  transcriptRoots: readonly string[];
}): Provider {
  return {
    id: 'claude',
    name: 'Claude Code',
    steering: null,
    catalog: null,
    account: null,
    namer: null,
    readHook,
    subagentTools: (transcriptPath, id) => readSubagentTools(transcriptPath, id, transcriptRoots),
    start: () => {},
    close: async () => {},
  };
}
