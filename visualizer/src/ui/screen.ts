/** Whether one panel at a time is all that fits. */
import { signal } from '@preact/signals';

const narrow = window.matchMedia('(max-width: 719px)');

/** Follows the window's width; the style sheets ask for the same one. */
export const isPhone = signal(narrow.matches);
narrow.addEventListener('change', ({ matches }) => {
  isPhone.value = matches;
});
