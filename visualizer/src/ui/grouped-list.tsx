/**
 * A list of any length under headings that fold, of which only what is in sight is in the document: lists of
 * links, rows of different heights, placed by a transform. One link takes the Tab key; arrows go on from it.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { holding, reveal, STEPS, useScrolled } from './list-scroll.ts';

/** Rows under one heading. */
interface ListGroup<Item> {
  key: string;
  /** Null: no heading. */
  words: string | null;
  items: readonly Item[];
  isFolded: boolean;
  /** Said at the end of the heading. */
  note?: string;
}

interface Props<Item> {
  groups: readonly ListGroup<Item>[];
  heightOf: (item: Item) => number;
  /** Height of a heading, px. */
  headHeight: number;
  testId: string;
  /** Key of the chosen row; null: none. */
  active: string | null;
  keyOf: (item: Item) => string;
  /** The link of a row; `tabIndex` says whether the Tab key stops there. */
  render: (item: Item, tabIndex: 0 | -1) => ComponentChildren;
  className: (item: Item) => string;
  onFold: (group: string) => void;
  onStep: (by: number) => void;
  onHold: (isHeld: boolean) => void;
}

/** Pixels drawn above and below what is seen, so that a scroll does not flash. */
const OVERSCAN_PX = 320;

/** Where a row or a heading stands. */
interface Placed<Item> {
  top: number;
  height: number;
  group: ListGroup<Item>;
  /** Index of its item in the group; -1: the heading. */
  index: number;
}

/** Headings and rows in sight. */
export function GroupedList<Item>(props: Props<Item>) {
  const { groups, heightOf, headHeight, active, keyOf, testId } = props;
  const placed = useMemo(
    () => placesOf(groups, heightOf, headHeight),
    [groups, heightOf, headHeight],
  );
  const last = placed.at(-1);
  const height = last ? last.top + last.height : 0;
  const { host, onScroll, top: scrolled, height: shown } = useScrolled();
  const [from, until] = [scrolled - OVERSCAN_PX, scrolled + shown + OVERSCAN_PX];
  const isActive = ({ group, index }: Placed<Item>): boolean =>
    index >= 0 && keyOf(group.items[index] as Item) === active;
  useEffect(() => reveal(host.current, placed.find(isActive)), [active, placed.some(isActive)]);
  const seen = placed.filter(({ top, height }) => top + height > from && top < until);
  const stop = seen.find(isActive) ?? seen.find(({ index }) => index >= 0);
  return (
    <div
      ref={host}
      class="virtual"
      role="group"
      aria-label="Sessions"
      data-testid={testId}
      onScroll={onScroll}
      onKeyDown={(event) => stepByKey(event, props, host.current)}
      {...holding(props.onHold)}
    >
      <div class="virtual-all" style={{ height: `${height}px` }}>
        {groups.map((group) => {
          const parts = seen.filter((one) => one.group === group);
          if (parts.length === 0) return null;
          return (
            <GroupParts key={group.key} list={props} group={group} parts={parts} stop={stop} />
          );
        })}
      </div>
    </div>
  );
}

interface PartsProps<Item> {
  list: Props<Item>;
  group: ListGroup<Item>;
  parts: readonly Placed<Item>[];
  stop: Placed<Item> | undefined;
}

function GroupParts<Item>({ list, group, parts, stop }: PartsProps<Item>) {
  const { active, keyOf, className, render } = list;
  const [first] = parts;
  const rows = parts.filter(({ index }) => index >= 0);
  return (
    <>
      {first?.index === -1 && <Heading group={group} at={first} onFold={list.onFold} />}
      {rows.length > 0 && (
        <ul aria-label={group.words ?? 'Sessions'}>
          {rows.map((one) => {
            const item = group.items[one.index] as Item;
            const isActive = keyOf(item) === active;
            return (
              <li
                key={keyOf(item)}
                class={`virtual-row ${className(item)}${isActive ? ' active' : ''}`}
                aria-setsize={group.items.length}
                aria-posinset={one.index + 1}
                style={{ height: `${one.height}px`, transform: `translateY(${one.top}px)` }}
              >
                {render(item, one === stop ? 0 : -1)}
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}

interface HeadingProps<Item> {
  group: ListGroup<Item>;
  at: Placed<Item>;
  onFold: (group: string) => void;
}

function Heading<Item>({ group, at, onFold }: HeadingProps<Item>) {
  return (
    <h2
      class={`group-head group-${group.key}`}
      style={{ height: `${at.height}px`, transform: `translateY(${at.top}px)` }}
    >
      <button type="button" aria-expanded={!group.isFolded} onClick={() => onFold(group.key)}>
        <bdi>{group.words}</bdi> <b>{group.items.length}</b>
        {group.note && <span class="group-note">{group.note}</span>}
      </button>
    </h2>
  );
}

function placesOf<Item>(
  groups: readonly ListGroup<Item>[],
  heightOf: (item: Item) => number,
  headHeight: number,
): Placed<Item>[] {
  const placed: Placed<Item>[] = [];
  let top = 0;
  const place = (height: number, group: ListGroup<Item>, index: number): void => {
    placed.push({ top, height, group, index });
    top += height;
  };
  for (const group of groups) {
    if (group.words !== null) place(headHeight, group, -1);
    if (group.isFolded) continue;
    group.items.forEach((item, index) => {
      place(heightOf(item), group, index);
    });
  }
  return placed;
}

function stepByKey<Item>(
  event: KeyboardEvent,
  { onStep }: Props<Item>,
  host: HTMLElement | null,
): void {
  const by = STEPS[event.key];
  if (by === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  onStep(by);
  requestAnimationFrame(() => host?.querySelector<HTMLElement>('.active a')?.focus());
}
