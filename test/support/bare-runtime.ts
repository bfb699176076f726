/** What a runtime needs that is asked about no place, no image and no command. */
import type { RuntimeDeps } from '../../src/runtime/runtime.ts';

export const BARE: Pick<RuntimeDeps, 'places' | 'images' | 'env'> = {
  places: { home: '/nowhere', browseRoots: [], worktrees: '/nowhere', transcriptRoots: [] },
  images: {
    keep: () => ({ refusal: 'nothing is kept here' }),
    take: async () => [],
    find: async () => null,
  },
  env: {},
};
