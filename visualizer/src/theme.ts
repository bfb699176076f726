/** Light, dark, or what the system says; remembered by the browser. */
import { effect, signal } from '@preact/signals';

const KEY = 'orbitdock.theme';
/** What may be chosen, in the order of the key. */
export const THEMES = ['system', 'light', 'dark'] as const;
/** What they are called. */
export const THEME_WORDS = { system: 'As the system', light: 'Light', dark: 'Dark' } as const;
/** A chosen theme. */
export type Theme = (typeof THEMES)[number];

/** The chosen theme; kept in this browser. */
export const theme = signal<Theme>(stored());

/** Applies the theme now and whenever it or the system changes. */
export function startTheme(): void {
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const systemDark = signal(system.matches);
  system.addEventListener('change', ({ matches }) => {
    systemDark.value = matches;
  });
  effect(() => {
    const isDark = theme.value === 'dark' || (theme.value === 'system' && systemDark.value);
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  });
}

/** The next one, in turn. */
export function nextTheme(): void {
  setTheme(THEMES[(THEMES.indexOf(theme.peek()) + 1) % THEMES.length] ?? 'system');
}

/** Chooses one, and remembers it. */
export function setTheme(chosen: Theme): void {
  theme.value = chosen;
  try {
    localStorage.setItem(KEY, theme.peek());
  } catch {
    // It then lasts as long as the page.
  }
}

function stored(): Theme {
  try {
    const found = localStorage.getItem(KEY);
    return THEMES.find((one) => one === found) ?? 'system';
  } catch {
    return 'system';
  }
}
