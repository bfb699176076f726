/** The mark of a state: each has a shape of its own, so that colour is never the only sign. */
import type { StateGroup } from '../state-value.ts';

/** A disc with a mark waits, an open ring works, an octagon failed; check, circle and square for the rest. */
export function Glyph({ state }: { state: StateGroup }) {
  return (
    <svg class={`state-glyph glyph-${state}`} viewBox="0 0 16 16" aria-hidden="true">
      {SHAPES[state]}
    </svg>
  );
}

const SHAPES: Record<StateGroup, preact.JSX.Element> = {
  attention: (
    <>
      <circle class="ground" cx="8" cy="8" r="7.5" />
      <path class="mark" d="M8 3.6v5.2M8 11.2v1.2" />
    </>
  ),
  failed: (
    <>
      <path class="ground" d="M5 .7h6L15.3 5v6L11 15.3H5L.7 11V5Z" />
      <path class="mark" d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" />
    </>
  ),
  working: (
    <>
      <circle class="track" cx="8" cy="8" r="6.2" />
      <path class="arc" d="M8 1.8A6.2 6.2 0 0 1 14.2 8" />
    </>
  ),
  finished: (
    <>
      <circle class="ring" cx="8" cy="8" r="6.5" />
      <path class="ring" d="m5 8.2 2.1 2.1L11 6.2" />
    </>
  ),
  idle: <circle class="ring" cx="8" cy="8" r="5.5" />,
  ended: <rect class="ring" x="3" y="3" width="10" height="10" rx="2" />,
};
