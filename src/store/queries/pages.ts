/**
 * What of a conversation fits a page or a snapshot: messages around a place, long texts cut. Called for messages
 * in the database and for those that are read from elsewhere.
 */
import { cut, cutJson, MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import type { Message } from '../../protocol/nouns.ts';
import { byteLength } from '../text.ts';
import type { MessagesPage, Read } from '../writer-messages.ts';

type Asked<Kind extends Read['kind']> = Extract<Read, { kind: Kind }>;

/** Longest field of a message in a snapshot or a page, UTF-16 units (the reference's number). */
const MESSAGE_FIELD_CHARS = 16_000;

/** Images that are not small (data URIs of screenshots) stay out, as in the reference. */
const IMAGE_VALUE_CHARS = 500;
const MAX_IMAGES = 32;

/** What a reply holds besides its list. */
const AROUND_BYTES = 4_096;

/** A message as a snapshot shows it: long texts are cut and `truncated` says so, large images are left out. */
export function trimMessage(message: Message): Message {
  const { images, ...rest } = message;
  const small = images
    ?.filter(({ value }) => value.length <= IMAGE_VALUE_CHARS)
    .slice(0, MAX_IMAGES);
  const truncated: NonNullable<Message['truncated']> = {};
  for (const name of ['content', 'tool_input', 'tool_output'] as const) {
    const text = rest[name];
    if (text === null || text.length <= MESSAGE_FIELD_CHARS) continue;
    truncated[name] = text.length;
    const shorten = name === 'tool_input' ? cutJson : cut;
    rest[name] = shorten(text, MESSAGE_FIELD_CHARS);
  }
  return {
    ...rest,
    ...(small?.length && { images: small }),
    ...(Object.keys(truncated).length > 0 && { truncated }),
  };
}

/** Where a page is: message number `at`, and on which side of it. */
interface Spot {
  at: number;
  side: Asked<'messages'>['place']['at'];
  limit: number;
}

/** Messages on one side of a place, the nearest first. */
interface Source {
  older: (at: number) => Iterable<Message>;
  newer: (at: number) => Iterable<Message>;
  from: (at: number) => Iterable<Message>;
}

/** A page of messages that are not in the database, in their order; null when it has not the one that is named. */
export function pageOf(
  all: readonly Message[],
  { place, limit }: Pick<Asked<'messages'>, 'place' | 'limit'>,
): MessagesPage | null {
  const isNewest = place.at === 'newest';
  const at = isNewest ? all.length : all.findIndex(({ id }) => id === place.messageId);
  if (at === -1) return null;
  const older = () => all.slice(0, at).reverse();
  const source = { older, newer: () => all.slice(at + 1), from: () => all.slice(at) };
  return { ...pageAround(source, { at, side: place.at, limit }), message_count: all.length };
}

/** As many messages as the limit and a frame allow. Around a message, half of the page is older than it. */
export function pageAround(
  { older: before, newer: behind, from }: Source,
  { at, side, limit }: Spot,
): Omit<MessagesPage, 'message_count'> {
  const budget = createBudget(limit);
  const take = (messages: Iterable<Message>, most: number) => {
    const taken: Message[] = [];
    for (const whole of messages) {
      const message = trimMessage(whole);
      if (taken.length >= most || !budget.takes(message)) return { taken, isMore: true };
      taken.push(message);
    }
    return { taken, isMore: false };
  };
  if (side === 'after') {
    const { taken, isMore } = take(behind(at), limit);
    return { messages: taken, has_older: true, has_newer: isMore };
  }
  if (side !== 'around') {
    const { taken, isMore } = take(before(at), limit);
    return { messages: taken.reverse(), has_older: isMore, has_newer: side === 'before' };
  }
  // The message itself goes first: it is in the page whatever its size.
  const newer = take(from(at), Math.ceil(limit / 2));
  const older = take(before(at), limit - newer.taken.length);
  return {
    messages: [...older.taken.reverse(), ...newer.taken],
    has_older: older.isMore,
    has_newer: newer.isMore,
  };
}

/** Counts what a reply may still hold. The first entry always fits: its texts are cut below a frame. */
export function createBudget(limit: number) {
  let left = limit;
  let bytes = MAX_FRAME_BYTES - AROUND_BYTES;
  return {
    takes(entry: object): boolean {
      bytes -= byteLength(JSON.stringify(entry)) + 1;
      left -= 1;
      return left >= 0 && bytes >= 0;
    },
  };
}
