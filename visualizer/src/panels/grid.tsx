/**
 * All sessions at a glance: a small chart of each region with how many sessions are in each state, and
 * a wall of tiles with a smaller one each. A state pressed above keeps only its sessions below. Tiles
 * stand by name, so that none moves because something happened.
 */
import { computed, signal } from '@preact/signals';
import type { InspectRow } from '../../../src/protocol/inspect.ts';
import { visibleText } from '../../../src/visible-text.ts';
import type { Mini, Region } from '../chart/geometry.ts';
import { arrowHead, roundedPath } from '../chart/svg.ts';
import { chartOf } from '../charts.ts';
import { inOrder } from '../list-order.ts';
import { openSession } from '../route.ts';
import { titleOf } from '../session-labels.ts';
import { all, filter, named } from '../session-list.ts';
import { phaseOf, wordOf } from '../state-value.ts';
import { now } from '../ui/clock.tsx';
import { ageWords, count } from '../ui/format.ts';
import { isPhone } from '../ui/small-screen.ts';
import { VirtualGrid } from '../ui/virtual-grid.tsx';
import './grid.css';

const TILE = { width: 232, height: 128 };

/** Path of the state whose sessions are shown, `phase.working`; null: all. */
const only = signal<string | null>(null);

/** Sessions by every state they are in, outer ones too. */
const counts = computed(() => {
  const found = new Map<string, number>();
  for (const { path } of all.value) {
    // A session counts once in a state, however many regions of it are active.
    for (const state of new Set(path.flatMap(statesAround))) {
      found.set(state, (found.get(state) ?? 0) + 1);
    }
  }
  return found;
});

/** Of each leaf; a chart has few of them. */
const around = new Map<string, readonly string[]>();

/** `phase.active.turn.open` -> `phase.active`, `phase.active.turn`, `phase.active.turn.open` */
function statesAround(leaf: string): readonly string[] {
  const known = around.get(leaf);
  if (known) return known;
  const keys = leaf.split('.');
  const found = keys.slice(1).map((_, at) => keys.slice(0, at + 2).join('.'));
  around.set(leaf, found);
  return found;
}

const tiles = computed(() => {
  const state = only.value;
  const wanted =
    state === null
      ? named.value
      : named.value.filter(({ path }) => path.some((leaf) => isIn(leaf, state)));
  return inOrder(wanted, 'name');
});

function isIn(leaf: string, state: string): boolean {
  return leaf === state || leaf.startsWith(`${state}.`);
}

/** The page "Grid". */
export function Grid() {
  const regions = chartOf('session')?.regions ?? [];
  const turn = regions.find(({ id }) => id.endsWith('.turn')) ?? regions[0];
  const glyph = turn?.minis.find(({ direction }) => direction === 'RIGHT') ?? null;
  return (
    <section class="grid-page" aria-label="Grid">
      <VirtualGrid
        items={tiles.value}
        tile={TILE}
        label="Sessions"
        testId="grid"
        keyOf={({ id }) => id}
        render={(row) => <Tile row={row} mini={glyph} />}
      >
        <h1 class="visually-hidden">All sessions at a glance</h1>
        <Minis regions={regions} />
        <GridHead />
        {tiles.value.length === 0 && (
          <div class="empty">
            <p>{all.value.length > 0 ? 'No session is like that.' : 'No sessions yet.'}</p>
          </div>
        )}
      </VirtualGrid>
    </section>
  );
}

/** A region beside the other on a desk, one after the other on a phone. */
function Minis({ regions }: { regions: readonly Region[] }) {
  const wanted = isPhone.value ? 'DOWN' : 'RIGHT';
  return (
    <div class="minis">
      {regions.map(({ id, minis }) => {
        const mini = minis.find(({ direction }) => direction === wanted);
        return mini && <MiniChart key={id} region={id.replace('session.', '')} mini={mini} />;
      })}
    </div>
  );
}

function GridHead() {
  return (
    <div class="grid-head">
      <input
        type="search"
        placeholder="Filter sessions"
        aria-label="Filter sessions"
        value={filter.value}
        onInput={(event) => {
          filter.value = event.currentTarget.value;
        }}
      />
      <span class="total" role="status">
        {count(tiles.value.length, 'session')}
        {only.value !== null && ` in ${only.value}`}
      </span>
      {only.value !== null && (
        <button
          type="button"
          class="button"
          onClick={() => {
            only.value = null;
          }}
        >
          Show all
        </button>
      )}
    </div>
  );
}

/** One region with a count on each state; states are buttons that filter. */
function MiniChart({ region, mini }: { region: string; mini: Mini }) {
  return (
    <figure class="mini">
      <figcaption>{region}</figcaption>
      <div
        class="mini-picture"
        style={{ aspectRatio: `${mini.w} / ${mini.h}`, maxWidth: `${mini.w}px` }}
      >
        <svg viewBox={`0 0 ${mini.w} ${mini.h}`} aria-hidden="true">
          <Wires mini={mini} />
        </svg>
        {mini.states.map((box) => (
          <StateButton key={box.id} state={box.id.replace('session.', '')} box={box} mini={mini} />
        ))}
      </div>
    </figure>
  );
}

function StateButton({
  state,
  box,
  mini,
}: {
  state: string;
  box: Mini['states'][number];
  mini: Mini;
}) {
  const found = counts.value.get(state) ?? 0;
  const part = (length: number, of: number): string => `${(length / of) * 100}%`;
  return (
    <button
      type="button"
      data-state={state}
      class={`mini-state ${box.isLeaf ? 'leaf' : 'around'} phase-${phaseOf([state])}${found > 0 ? ' some' : ''}`}
      aria-pressed={only.value === state}
      style={{
        insetInlineStart: part(box.x, mini.w),
        top: part(box.y, mini.h),
        width: part(box.w, mini.w),
        height: part(box.h, mini.h),
      }}
      onClick={() => {
        only.value = only.value === state ? null : state;
      }}
    >
      <span>{state.split('.').at(-1)}</span> <b>{found}</b>
    </button>
  );
}

function Wires({ mini }: { mini: Mini }) {
  return (
    <>
      {mini.lines.map((points) => (
        <path key={points.join()} class="wire" d={roundedPath(points, 6)} />
      ))}
      {mini.lines.map((points) => (
        <path key={points.join()} class="tip" d={arrowHead(points)} />
      ))}
    </>
  );
}

function Tile({ row, mini }: { row: InspectRow; mini: Mini | null }) {
  const phase = phaseOf(row.path);
  const path = row.path.find((one) => one.startsWith('phase.active.turn')) ?? '';
  const at = row.at === null ? Number.NaN : Date.parse(row.at);
  return (
    <button type="button" class={`tile tile-${phase}`} onClick={() => openSession(row.id)}>
      <span class="row-line">
        <span class="row-name">
          <bdi>{visibleText(titleOf(row))}</bdi>
        </span>
        <span class="row-age">{Number.isNaN(at) ? '' : ageWords(Math.max(0, now.value - at))}</span>
      </span>
      {mini && <Glyph mini={mini} path={path} />}
      <span class="row-line">
        <i class={`dot fill-${phase}`} />
        <span class={`row-state code text-${phase}`}>
          {row.value === null ? 'no events yet' : wordOf(row.value)}
        </span>
      </span>
    </button>
  );
}

/** The region's states as boxes without words; those the session is in are filled. */
function Glyph({ mini, path }: { mini: Mini; path: string }) {
  return (
    <svg class="glyph" viewBox={`-4 -4 ${mini.w + 8} ${mini.h + 8}`} aria-hidden="true">
      {mini.lines.map((points) => (
        <polyline key={points.join()} class="wire" points={points.join(' ')} />
      ))}
      {mini.states.map(({ id, x, y, w, h, isLeaf }) => (
        <rect
          key={id}
          class={`${isLeaf ? 'leaf' : 'around'}${isIn(path, id.replace('session.', '')) ? ' on' : ''}`}
          x={x}
          y={y}
          width={w}
          height={h}
          rx={8}
        />
      ))}
    </svg>
  );
}
