/**
 * A list of any length that only draws what is seen: rows of one height, placed by a transform. The
 * focus stays on the list itself, which names its active row (APG listbox).
 */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { holding, reveal, STEPS, useScrolled } from './list-scroll.ts';

interface Props<Item> {
  items: readonly Item[];
  rowHeight: number;
  label: string;
  testId: string;
  /** Index of the active row, -1 for none. */
  active: number;
  keyOf: (item: Item) => string;
  render: (item: Item, isActive: boolean) => ComponentChildren;
  onPick: (item: Item) => void;
  onHold?: (isHeld: boolean) => void;
  className?: (item: Item) => string;
}

/** Rows drawn above and below what is seen, so that a scroll does not flash. */
const OVERSCAN = 4;

/** A listbox of which only the rows in sight are in the page. */
export function VirtualList<Item>(props: Props<Item>) {
  const { items, rowHeight, active, keyOf, testId, onHold } = props;
  const { host, onScroll, top, height } = useScrolled();
  const start = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  const end = Math.min(items.length, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  useEffect(() => {
    if (active >= 0) reveal(host.current, { top: active * rowHeight, height: rowHeight });
  }, [active < 0 ? '' : keyOf(items[active] as Item)]);
  const current = items[active];
  const isSeen = active >= start && active < end;
  return (
    <div
      ref={host}
      class="virtual"
      role="listbox"
      tabIndex={0}
      aria-label={props.label}
      aria-activedescendant={current && isSeen ? `${testId}-${keyOf(current)}` : undefined}
      data-testid={testId}
      onScroll={onScroll}
      onKeyDown={(event) => pickByKey(event, props)}
      {...holding(onHold)}
    >
      <div
        class="virtual-all"
        role="presentation"
        style={{ height: `${items.length * rowHeight}px` }}
      >
        {items.slice(start, end).map((item, index) => (
          <Row key={keyOf(item)} list={props} item={item} index={start + index} />
        ))}
      </div>
    </div>
  );
}

function pickByKey<Item>(event: KeyboardEvent, { items, active, onPick }: Props<Item>): void {
  const by = event.key === 'Enter' ? 0 : STEPS[event.key];
  const wanted = items[Math.min(items.length - 1, Math.max(0, active + (by ?? 0)))];
  if (by === undefined || !wanted) return;
  event.preventDefault();
  event.stopPropagation();
  onPick(wanted);
}

interface RowProps<Item> {
  list: Props<Item>;
  item: Item;
  index: number;
}

function Row<Item>({ list, item, index }: RowProps<Item>) {
  const { items, rowHeight, active, keyOf, testId, className } = list;
  const isActive = index === active;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list itself takes the keys
    // biome-ignore lint/a11y/useFocusableInteractive: the list keeps the focus, see aria-activedescendant
    <div
      id={`${testId}-${keyOf(item)}`}
      role="option"
      aria-selected={isActive}
      aria-setsize={items.length}
      aria-posinset={index + 1}
      class={`virtual-row ${className?.(item) ?? ''}${isActive ? ' active' : ''}`}
      style={{ height: `${rowHeight}px`, transform: `translateY(${index * rowHeight}px)` }}
      onClick={() => list.onPick(item)}
    >
      {list.render(item, isActive)}
    </div>
  );
}
