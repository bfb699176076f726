/** Quiet hours as people write them, `22:00` to `07:00`, by the clock of the server's machine. */
import { OrbitError } from '../errors.ts';
import type { QuietHours } from '../store/notifications.ts';

const TIME = /^([01]\d|2[0-3]):([0-5]\d)$/;

/** @throws OrbitError `invalid_argument` for what is no time of the day, or no time at all between them */
export function hoursFrom(given: { from: string; to: string }): QuietHours {
  const hours = { from: minutesOf(given.from), to: minutesOf(given.to) };
  if (hours.from !== hours.to) return hours;
  const reason = 'Quiet hours begin and end at different times';
  throw new OrbitError('invalid_argument', { reason });
}

function minutesOf(text: string): number {
  const [, hours, minutes] = TIME.exec(text) ?? [];
  if (hours !== undefined) return Number(hours) * 60 + Number(minutes);
  const reason = `A time of the day is HH:MM from 00:00 to 23:59, not ${JSON.stringify(text)}`;
  throw new OrbitError('invalid_argument', { reason });
}

/** As people write them. */
export function hoursText({ from, to }: QuietHours): { from: string; to: string } {
  const text = (minutes: number) =>
    [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join(':');
  return { from: text(from), to: text(to) };
}

/** Whether notifications are held back at that time. */
export function isQuiet({ from, to }: QuietHours, at: Date): boolean {
  const now = at.getHours() * 60 + at.getMinutes();
  return from < to ? now >= from && now < to : now >= from || now < to;
}
