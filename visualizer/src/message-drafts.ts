/** What is being written to each session: it stays while another session is looked at, until it is sent. */
import { type Signal, signal } from '@preact/signals';
import type { Sent } from './session-client.ts';

/** A picture that goes with a message. */
export interface Picture {
  name: string;
  /** The file as a data URL, as the wire takes it. */
  data: string;
  /** An address of this page that shows it: the page's policy lets no data URL be drawn. */
  preview: string;
}

/** A message that is being written. */
export interface Draft {
  text: Signal<string>;
  /** Empty: as the session has it. */
  effort: Signal<string>;
  model: Signal<string>;
  pictures: Signal<readonly Picture[]>;
  /** Files that the reader has seen in a list; an at sign before another text names no file. */
  files: Set<string>;
  /** Why the last message was not taken. */
  failure: Signal<string | null>;
}

/** Pictures of one message may have this much together: more does not fit into one frame of the wire, bytes. */
const MAX_PICTURES_BYTES = 600_000;

const drafts = new Map<string, Draft>();

/** The draft for a session, the same each time. */
export function draftOf(session: string): Draft {
  const known = drafts.get(session);
  if (known) return known;
  const fresh: Draft = {
    text: signal(''),
    effort: signal(''),
    model: signal(''),
    pictures: signal([]),
    files: new Set(),
    failure: signal(null),
  };
  drafts.set(session, fresh);
  return fresh;
}

/** What goes with the words of a draft. */
function extrasOf({ text, effort, model, pictures, files }: Draft): Sent {
  const images = pictures.value.map(({ data }) => ({ input_type: 'url' as const, value: data }));
  const mentions = mentionsIn(text.value).filter(({ path }) => files.has(path));
  return {
    ...(effort.value !== '' && { effort: effort.value }),
    ...(model.value !== '' && { model: model.value }),
    ...(images.length > 0 && { images }),
    ...(mentions.length > 0 && { mentions }),
  };
}

/** Adds the pictures among these files, or says why one cannot go. */
export async function takePictures(draft: Draft, files: Iterable<File>): Promise<void> {
  draft.failure.value = null;
  for (const file of files) {
    if (!file.type.startsWith('image/')) {
      draft.failure.value = `${file.name} is not a picture: name a file with an at sign and its path.`;
      continue;
    }
    const data = await dataUrlOf(file);
    const size = [data, ...draft.pictures.peek().map((one) => one.data)].join('').length * 0.75;
    if (size > MAX_PICTURES_BYTES) {
      const limit = `${MAX_PICTURES_BYTES / 1000} kB`;
      draft.failure.value = `${file.name} is too large: the pictures of a message have at most ${limit} together.`;
      continue;
    }
    const picture = { name: file.name, data, preview: URL.createObjectURL(file) };
    draft.pictures.value = [...draft.pictures.peek(), picture];
  }
}

/** Takes a picture out of a draft. */
export function dropPicture({ pictures }: Draft, picture: Picture): void {
  URL.revokeObjectURL(picture.preview);
  pictures.value = pictures.peek().filter((one) => one !== picture);
}

/**
 * Hands a draft over and empties it; what was refused comes back, unless something else was typed meanwhile.
 *
 * @param hand  sends the words; null when they were taken, else why not
 */
export async function handOver(
  draft: Draft,
  hand: (content: string, extras: Sent) => Promise<string | null>,
): Promise<void> {
  const { text, pictures, failure } = draft;
  const [before, shown] = [text.peek(), pictures.peek()];
  const extras = extrasOf(draft);
  text.value = '';
  pictures.value = [];
  failure.value = null;
  const refusal = await hand(before.trim(), extras);
  failure.value = refusal;
  if (refusal !== null && text.peek() === '') {
    text.value = before;
    pictures.value = shown;
  } else for (const { preview } of shown) URL.revokeObjectURL(preview);
}

/** Files that a text names with an at sign: `@src/main.ts`. */
function mentionsIn(text: string): { name: string; path: string }[] {
  return [...text.matchAll(/(?:^|\s)@(\S+)/g)].map(([, path = '']) => ({
    name: path.split('/').at(-1) ?? path,
    path,
  }));
}

function dataUrlOf(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
