/** Messages as snapshots show them: long texts cut, large images left out, and told what was. */
import { cut } from '../../protocol/encode.ts';
import type { Message } from '../../protocol/nouns.ts';

/** Longest field of a message in a snapshot, UTF-16 units (the reference's number). */
const MESSAGE_FIELD_CHARS = 16_000;

/** Images that are not small (data URIs of screenshots) stay out of snapshots, as in the reference. */
const IMAGE_VALUE_CHARS = 500;
const MAX_IMAGES = 32;

const TEXTS = ['content', 'tool_input', 'tool_output'] as const;

/** A message as a snapshot shows it. */
export function trimMessage(message: Message): Message {
  const { images, ...rest } = message;
  const small = images
    ?.filter(({ value }) => value.length <= IMAGE_VALUE_CHARS)
    .slice(0, MAX_IMAGES);
  const truncated: NonNullable<Message['truncated']> = {};
  for (const name of TEXTS) {
    const text = rest[name];
    if (text === null || text.length <= MESSAGE_FIELD_CHARS) continue;
    truncated[name] = text.length;
    rest[name] = cut(text, MESSAGE_FIELD_CHARS);
  }
  return {
    ...rest,
    ...(small?.length && { images: small }),
    ...(Object.keys(truncated).length > 0 && { truncated }),
  };
}
