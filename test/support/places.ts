/** Places for houses that are asked about none. */
import type { Places } from '../../src/config.ts';

export const NO_PLACES: Places = { home: '/nowhere', browseRoots: [], transcriptRoots: [] };
