/**
 * Pan and zoom of the chart: drag, wheel, pinch, keys. Holds one transform; the chart applies it to its
 * world. Moves only by hand, by "fit" and, when switched on, by "follow": never because an event came.
 */
import type { Box } from './geometry.ts';

/** Least space around a picture that fits, CSS px. */
export const MARGIN = 8;
const MIN_SCALE = 0.15;
const MAX_SCALE = 3;
/** How much one press of a zoom button zooms. */
const ZOOM_STEP = 1.25;
/** How far one arrow key pans, in CSS px. */
const PAN_STEP = 60;

interface Point {
  x: number;
  y: number;
}

/** Pan and zoom of one picture in its host element. */
export class Viewport {
  readonly #host: HTMLElement;
  readonly #apply: (x: number, y: number, scale: number) => void;
  readonly #pointers = new Map<number, Point>();
  #x = 0;
  #y = 0;
  #scale = 1;
  /** How far the finger went since it touched: a drag is no click. */
  #travelled = 0;
  /** True until the first pan or zoom: a resize then fits again. */
  isFitted = true;

  constructor(host: HTMLElement, apply: (x: number, y: number, scale: number) => void) {
    this.#host = host;
    this.#apply = apply;
    host.addEventListener('pointerdown', (event) => this.#down(event));
    host.addEventListener('pointermove', (event) => this.#move(event));
    host.addEventListener('pointerup', (event) => this.#up(event));
    host.addEventListener('pointercancel', (event) => this.#up(event));
    host.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
  }

  /** Whether the last pointer moved too far to have been a click. */
  get wasDragged(): boolean {
    return this.#travelled > 6;
  }

  get scale(): number {
    return this.#scale;
  }

  /** Shows all of a picture of this size, centred, never larger than life. */
  fit(picture: { w: number; h: number }): void {
    const { clientWidth, clientHeight } = this.#host;
    const room = Math.min(
      (clientWidth - 2 * MARGIN) / picture.w,
      (clientHeight - 2 * MARGIN) / picture.h,
    );
    this.#scale = clamp(Math.min(room, 1.15));
    this.#x = (clientWidth - picture.w * this.#scale) / 2;
    this.#y = Math.max(MARGIN, (clientHeight - picture.h * this.#scale) / 2);
    this.isFitted = true;
    this.#show();
  }

  /** Shows a picture at a readable size from its top, when fitting would make it too small. */
  fitWidth(picture: { w: number; h: number }, minScale: number): void {
    this.fit(picture);
    if (this.#scale >= minScale) return;
    const { clientWidth } = this.#host;
    this.#scale = Math.min(1, Math.max(minScale, (clientWidth - 2 * MARGIN) / picture.w));
    this.#x = Math.max(MARGIN, (clientWidth - picture.w * this.#scale) / 2);
    this.#y = MARGIN;
    this.#show();
  }

  /** Brings a box of the picture into the middle, only as far as needed to see all of it. */
  reveal(box: Box): void {
    const { clientWidth, clientHeight } = this.#host;
    const left = box.x * this.#scale + this.#x;
    const top = box.y * this.#scale + this.#y;
    const [w, h] = [box.w * this.#scale, box.h * this.#scale];
    const isSeen = left >= 0 && top >= 0 && left + w <= clientWidth && top + h <= clientHeight;
    if (isSeen) return;
    this.#x += clientWidth / 2 - (left + w / 2);
    this.#y += clientHeight / 2 - (top + h / 2);
    this.#show();
  }

  zoom(steps: number): void {
    const { clientWidth, clientHeight } = this.#host;
    this.#zoomAt({ x: clientWidth / 2, y: clientHeight / 2 }, ZOOM_STEP ** steps);
  }

  /** Directions are -1, 0 or 1. */
  pan(directionX: number, directionY: number): void {
    this.#moveBy(-directionX * PAN_STEP, -directionY * PAN_STEP);
  }

  #down(event: PointerEvent): void {
    if (event.button > 1) return;
    this.#travelled = this.#pointers.size > 0 ? Number.POSITIVE_INFINITY : 0;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  #move(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    this.#travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (!this.wasDragged) return;
    // Captured late: a capture at `pointerdown` would take the click away from the label.
    if (!this.#host.hasPointerCapture(event.pointerId)) {
      this.#host.setPointerCapture(event.pointerId);
      this.#host.classList.add('panning');
    }
    if (other) this.#pinch({ before, now, other });
    else this.#moveBy(now.x - before.x, now.y - before.y);
  }

  /** Two fingers: what is between them stays between them. */
  #pinch({ before, now, other }: { before: Point; now: Point; other: Point }): void {
    const { left, top } = this.#host.getBoundingClientRect();
    const factor = distance(now, other) / Math.max(1, distance(before, other));
    this.#moveBy((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.#zoomAt({ x: (now.x + other.x) / 2 - left, y: (now.y + other.y) / 2 - top }, factor);
  }

  #up(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    if (this.#pointers.size === 0) this.#host.classList.remove('panning');
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const { left, top } = this.#host.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp((-event.deltaY * lines) / (event.ctrlKey ? 120 : 500));
    if (event.shiftKey) this.#moveBy(-event.deltaY * lines, 0);
    else this.#zoomAt({ x: event.clientX - left, y: event.clientY - top }, factor);
  }

  #moveBy(dx: number, dy: number): void {
    this.#x += dx;
    this.#y += dy;
    this.isFitted = false;
    this.#show();
  }

  /** The point under the cursor stays where it is. */
  #zoomAt(point: Point, factor: number): void {
    const scale = clamp(this.#scale * factor);
    const part = scale / this.#scale;
    this.#x = point.x - (point.x - this.#x) * part;
    this.#y = point.y - (point.y - this.#y) * part;
    this.#scale = scale;
    this.isFitted = false;
    this.#show();
  }

  #show(): void {
    const { clientWidth, clientHeight } = this.#host;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.#apply(short(this.#x), short(this.#y), short(this.#scale));
  }
}

function clamp(scale: number): number {
  return Math.min(MAX_SCALE, Math.max(MIN_SCALE, scale));
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

function short(length: number): number {
  return Math.round(length * 1000) / 1000;
}
