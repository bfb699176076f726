/** How the client stands with its server, and who waits to learn it. */
import type { LinkState } from './line.ts';

/** What is known of the line. */
export interface Standing {
  readonly link: LinkState;
  /** While a connection is being made: settles when it is known what becomes of it. */
  known(): Promise<void>;
  /** Takes a new state, lets `tell` tell of it, then lets those go on who waited for it. */
  become(state: LinkState, tell: () => void): void;
}

/** The standing of a client that has not tried yet. */
export function createStanding(): Standing {
  let link: LinkState = { kind: 'connecting' };
  let impatient: (() => void)[] = [];
  return {
    get link() {
      return link;
    },
    known: () => new Promise((resolve) => void impatient.push(resolve)),
    become(state, tell) {
      link = state;
      tell();
      if (state.kind === 'connecting') return;
      const waiting = impatient;
      impatient = [];
      for (const go of waiting) go();
    },
  };
}
