/** Whether one panel at a time is all that fits: on a phone, however it is held, and in a zoomed window. */
import { signal } from '@preact/signals';

const narrow = window.matchMedia('(max-width: 719px), (max-width: 1099px) and (max-height: 599px)');

/** Follows the window's size; the style sheets ask for the same one. */
export const isPhone = signal(narrow.matches);
narrow.addEventListener('change', ({ matches }) => {
  isPhone.value = matches;
});
