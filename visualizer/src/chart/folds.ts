/**
 * Counts in a picture that open a list: real buttons above the drawing, which pan and zoom with it, so that
 * they can be reached and pressed by keys. The list is above the picture and moves nothing of it.
 */
import type { ChartEdge, Fold } from './geometry.ts';
import { actionWords, eventWords, guardWords, lineWords, stayWords } from './labels.ts';

/** Distance of an open list from its count and from the edges of the chart, CSS px. */
const AIR = 6;

/** What the layer asks of its chart. */
interface FoldsOptions {
  onEdge: (edge: string) => void;
  /** A list was opened: its rows are to be lit. */
  onOpen: () => void;
  /** The focus went to a count, which may be out of sight. */
  onFocus: (fold: Fold) => void;
}

/** A count at its place in the whole picture. */
export interface PlacedFold extends Fold {
  /** Of what it stands for. */
  all: readonly ChartEdge[];
}

/** The counts of one picture, and the one list that may be open. */
export class Folds {
  readonly #host: HTMLElement;
  readonly #layer = element('div', 'folds');
  readonly #options: FoldsOptions;
  #open: { button: HTMLButtonElement; list: HTMLElement; rows: Map<string, HTMLElement> } | null =
    null;

  constructor(host: HTMLElement, options: FoldsOptions) {
    this.#host = host;
    this.#options = options;
    this.#layer.setAttribute('role', 'toolbar');
    this.#layer.setAttribute('aria-label', 'Counts of events in the chart');
    this.#layer.addEventListener('keydown', (event) => this.#step(event));
    host.append(this.#layer);
  }

  /** Rows of the open list, by transition. */
  get rows(): ReadonlyMap<string, HTMLElement> {
    return this.#open?.rows ?? new Map();
  }

  /** The buttons of another picture; an open list is closed. @returns them, by transition */
  show(folds: readonly PlacedFold[]): Map<string, HTMLElement> {
    this.close();
    const byEdge = new Map<string, HTMLElement>();
    const buttons = folds.map((fold) => {
      const button = this.#buttonOf(fold);
      for (const edge of fold.edges) byEdge.set(edge, button);
      return button;
    });
    this.#layer.hidden = buttons.length === 0;
    this.#layer.replaceChildren(...buttons);
    // One stop for the key Tab, arrows inside: a picture may have twenty counts.
    for (const [at, button] of buttons.entries()) button.tabIndex = at === 0 ? 0 : -1;
    return byEdge;
  }

  /** Follows the picture. */
  move(x: number, y: number, scale: number): void {
    this.#layer.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    if (this.#open) place(this.#host, this.#open.button, this.#open.list);
  }

  /** Closes the open list, if there is one. */
  close(): void {
    this.#open?.button.setAttribute('aria-expanded', 'false');
    this.#open?.list.remove();
    this.#open = null;
  }

  #step(event: KeyboardEvent): void {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const buttons = [...this.#layer.querySelectorAll('button')];
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    if (by === undefined || at < 0) return;
    // Elsewhere in the chart arrows pan.
    event.preventDefault();
    event.stopPropagation();
    buttons[(at + by + buttons.length) % buttons.length]?.focus({ preventScroll: true });
  }

  #buttonOf(fold: PlacedFold): HTMLButtonElement {
    const button = element('button', fold.target === null ? 'fold stay' : 'fold way');
    const words = fold.target === null ? stayWords(fold.all) : lineWords(fold.all);
    button.type = 'button';
    button.textContent = words;
    button.setAttribute('aria-expanded', 'false');
    button.setAttribute('aria-label', `${words}: ${titleOf(fold)}`);
    Object.assign(button.style, {
      left: `${fold.x}px`,
      top: `${fold.y}px`,
      width: `${fold.w}px`,
      height: `${fold.h}px`,
    });
    button.addEventListener('click', () => this.#toggle(button, fold));
    button.addEventListener('focus', () => {
      for (const one of this.#layer.querySelectorAll('button')) one.tabIndex = -1;
      button.tabIndex = 0;
      if (button.matches(':focus-visible')) this.#options.onFocus(fold);
    });
    return button;
  }

  #toggle(button: HTMLButtonElement, fold: PlacedFold): void {
    const wasOpen = this.#open?.button === button;
    this.close();
    if (wasOpen) return;
    const rows = new Map(fold.all.map((edge) => [edge.id, this.#rowOf(edge)]));
    const list = element('div', 'fold-list');
    list.setAttribute('role', 'group');
    list.setAttribute('aria-label', titleOf(fold));
    list.dataset.testid = 'fold-list';
    const heading = element('b', 'fold-title');
    heading.textContent = titleOf(fold);
    list.append(heading, ...rows.values());
    list.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.close();
      button.focus();
    });
    // It scrolls by itself: the picture below neither zooms nor moves.
    for (const kind of ['wheel', 'pointerdown']) {
      list.addEventListener(kind, (event) => event.stopPropagation());
    }
    button.setAttribute('aria-expanded', 'true');
    this.#host.append(list);
    this.#open = { button, list, rows };
    place(this.#host, button, list);
    list.querySelector('button')?.focus({ preventScroll: true });
    this.#options.onOpen();
  }

  #rowOf(edge: ChartEdge): HTMLElement {
    const row = element('button', 'fold-row');
    row.type = 'button';
    row.dataset.edge = edge.id;
    row.append(
      ...[
        ['event', eventWords(edge)],
        ['guard', guardWords(edge)],
        ['action', actionWords(edge)],
      ].flatMap(([kind = '', words = '']) => {
        if (words === '') return [];
        const part = element('span', kind);
        part.textContent = words;
        return [part, ' '];
      }),
    );
    row.addEventListener('click', () => this.#options.onEdge(edge.id));
    return row;
  }
}

/** `Stay in open`, `open to closed`. */
function titleOf({ source, target }: Fold): string {
  const name = (id: string): string => id.split('.').at(-1) ?? id;
  return target === null ? `Stay in ${name(source)}` : `${name(source)} to ${name(target)}`;
}

/** Below its count, or above it where there is more room, all of it in the chart. */
function place(host: HTMLElement, button: HTMLElement, list: HTMLElement): void {
  const around = host.getBoundingClientRect();
  const at = button.getBoundingClientRect();
  const [above, below] = [at.top - around.top, around.bottom - at.bottom];
  const room = Math.max(above, below) - 2 * AIR;
  list.style.maxHeight = `${Math.max(80, room)}px`;
  const { offsetWidth: w, offsetHeight: h } = list;
  const left = Math.min(at.left - around.left, host.clientWidth - w - AIR);
  const top = below >= above ? at.bottom - around.top + AIR : above - h - AIR;
  list.style.left = `${Math.max(AIR, left)}px`;
  list.style.top = `${Math.min(Math.max(AIR, top), Math.max(AIR, host.clientHeight - h - AIR))}px`;
}

function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  name: string,
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}
