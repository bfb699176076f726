/** How times, ages and numbers are written. Pure but for the reader's time zone. */

/** The time of what carries none: some lines of a transcript have no timestamp. */
const NO_TIME = 0;

/** `16:06:30.723`: enough to distinguish neighbours; `no time` for what carries none. */
export function clockWords(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  if (date.getTime() === NO_TIME) return 'no time';
  const two = (number: number): string => String(number).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/** `12 s`, `4 min`, `2 h`, `3 d`, rounded down, with a space that does not break. */
export function ageWords(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}\u00a0s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}\u00a0min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}\u00a0h`;
  return `${Math.floor(seconds / 86_400)}\u00a0d`;
}

/** `840 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function spanWords(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** ` +840 ms` from one moment to a later one; empty where one of them carries no time. */
export function gapWords(from: string, to: string): string {
  const [before, after] = [Date.parse(from), Date.parse(to)];
  if (before === NO_TIME || after === NO_TIME) return '';
  return ` +${spanWords(Math.max(0, after - before))}`;
}

/** `1 session`, `2 sessions`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
