/**
 * Whether the server can store what happens: `/health` is asked while the page is online. The page says so and
 * what a person has to do, because what is not stored is not shown either.
 */
import { effect, signal } from '@preact/signals';
import { isOnline } from './page-state.ts';
import { SERVER_URL } from './server-url.ts';

/** How often it is asked, ms. */
const EVERY_MS = 5_000;

/** What is wrong, in the server's word and in a person's, and what to do. */
export interface Degraded {
  code: string;
  what: string;
  remedy: string;
}

/** Null while all is well, or while it is unknown. */
export const degraded = signal<Degraded | null>(null);

/** What each word of `/health` means, where the server itself says no remedy. */
const STORAGE_ERRORS: Readonly<Record<string, { what: string; remedy: string }>> = {
  read_only: {
    what: 'The database is read-only',
    remedy:
      'Make the data directory and its files writable for the user that runs the server, and see that its ' +
      'disk is not mounted read-only.',
  },
  disk_full: {
    what: 'The disk is full',
    remedy: 'Free space on the disk of the data directory; storing then goes on by itself.',
  },
  busy: {
    what: 'Another program holds the database',
    remedy: 'Close the program that has the database open; storing then goes on by itself.',
  },
  corrupt: {
    what: 'The database is damaged',
    remedy:
      'Stop the server, then run `orbitdock-server restore FILE` with a backup; hooks wait in the spool ' +
      'meanwhile.',
  },
  out_of_memory: {
    what: 'The server has too little memory to store anything',
    remedy: 'Free memory, or start the server anew.',
  },
  cannot_open: {
    what: 'The database cannot be opened',
    remedy:
      'See that the data directory is there and that the user that runs the server may open it.',
  },
  io_error: {
    what: 'The disk does not take what is written',
    remedy: 'See `orbitdock-server doctor` and the log of the system for faults of the disk.',
  },
};

/** Words for a code of `/health`; the server's own remedy comes first. */
function storageErrorText(code: string, remedy?: string): Degraded {
  const known = STORAGE_ERRORS[code] ?? {
    what: `The server cannot store anything (${code})`,
    remedy: 'See `orbitdock-server doctor`.',
  };
  return { code, what: known.what, remedy: remedy ?? known.remedy };
}

/** Asks at once when the page comes online, and then again and again. */
export function watchHealth(): void {
  effect(() => {
    if (!isOnline.value) return;
    void refresh();
    const timer = window.setInterval(() => void refresh(), EVERY_MS);
    return () => window.clearInterval(timer);
  });
}

async function refresh(): Promise<void> {
  try {
    const answer = await fetch(new URL('health', SERVER_URL), { cache: 'no-store' });
    if (!answer.ok) return;
    const { degraded: code, remedy } = (await answer.json()) as {
      degraded?: string;
      remedy?: string;
    };
    const found = code === undefined ? null : storageErrorText(code, remedy);
    if (found?.code !== degraded.peek()?.code || found?.remedy !== degraded.peek()?.remedy) {
      degraded.value = found;
    }
  } catch {
    // The line is gone, or the answer is none: the page says "offline" itself, and this stays as it was.
    return;
  }
}
