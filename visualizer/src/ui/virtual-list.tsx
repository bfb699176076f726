/**
 * A list of any length that only draws what is seen: rows of one height, placed by a transform. The
 * focus stays on the list itself, which names its active row (APG listbox).
 */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

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
  const { host, onScroll, start, end } = useSeen(items.length, rowHeight);
  useEffect(() => {
    if (active >= 0) reveal(host.current, active, rowHeight);
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
      onPointerEnter={(event) => event.pointerType === 'mouse' && onHold?.(true)}
      onPointerLeave={() => onHold?.(false)}
      onFocusIn={() => onHold?.(true)}
      onFocusOut={() => onHold?.(false)}
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

/** Which rows are in sight, or nearly. */
function useSeen(rows: number, rowHeight: number) {
  const host = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return {
    host,
    onScroll: () => {
      top.value = host.current?.scrollTop ?? 0;
    },
    start: Math.max(0, Math.floor(top.value / rowHeight) - OVERSCAN),
    end: Math.min(rows, Math.ceil((top.value + height.value) / rowHeight) + OVERSCAN),
  };
}

const STEPS: Record<string, number> = {
  ArrowDown: 1,
  ArrowUp: -1,
  PageDown: 10,
  PageUp: -10,
  Enter: 0,
};

function pickByKey<Item>(event: KeyboardEvent, { items, active, onPick }: Props<Item>): void {
  const by = STEPS[event.key];
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

function reveal(host: HTMLElement | null, index: number, rowHeight: number): void {
  if (!host) return;
  const top = index * rowHeight;
  if (top < host.scrollTop) host.scrollTop = top;
  else if (top + rowHeight > host.scrollTop + host.clientHeight) {
    host.scrollTop = top + rowHeight - host.clientHeight;
  }
}
