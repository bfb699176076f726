/**
 * Images of messages, each stored once under the digest of its bytes. A client hands them in as data URIs
 * or as files of this machine; what goes out is a file for the app on this machine and an address of this
 * server for all other clients. Only pictures that browsers show without running anything get in, whatever
 * they are called.
 */
import { hash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OrbitError } from '../errors.ts';
import type { ImageInput } from '../protocol/nouns.ts';
import { openConfined } from './confined-file.ts';

/** An image with its type. */
export interface Picture {
  media_type: string;
  bytes: Buffer;
}

/** What became of the bytes of an image: how a message names it, and when it is on disk; or why not. */
type Kept = { image: ImageInput; stored: Promise<void> } | { refusal: string };

/** Pictures that messages name, kept beside the database. */
export interface Images {
  /**
   * Stores an image whose bytes are at hand. Its name is known at once; a message that has it must not be
   * committed before it is `stored`.
   */
  keep(bytes: Buffer): Kept;
  /**
   * Stores the images of a message and says how it names them.
   *
   * @param cwd directory of the session: its files may be shown, and those stored before
   * @returns `path` entries with `url` and `media_type`; web addresses as they came
   * @throws OrbitError `invalid_image`; what was stored before the bad one stays, under its digest
   */
  take(inputs: readonly ImageInput[], cwd: string | null): Promise<ImageInput[]>;
  /** A stored image; null when there is none of that digest. */
  find(sha256: string): Promise<Picture | null>;
}

/** Most images of a message. */
export const MAX_IMAGES = 20;
/** Most bytes of an image, longest web address. */
const MAX_BYTES = 10 * 1024 * 1024;
const MAX_URL_CHARS = 2_048;

const DATA_URI = /^data:[\w.+/-]{0,100}(?:;[\w=.-]{1,100}){0,4};base64,/i;
const WEB = /^https?:\/\/\S+$/i;
const SHA256 = /^[0-9a-f]{64}$/;

/** What is a picture, by its first bytes in hexadecimal: nothing else says so. */
const KINDS = [
  { extension: 'png', media_type: 'image/png', magic: /^89504e470d0a1a0a/ },
  { extension: 'jpg', media_type: 'image/jpeg', magic: /^ffd8ff/ },
  { extension: 'gif', media_type: 'image/gif', magic: /^47494638(37|39)61/ },
  { extension: 'webp', media_type: 'image/webp', magic: /^52494646.{8}57454250/ },
] as const;

type Kind = (typeof KINDS)[number];

/** @param directory exists and is its owner's alone */
export function createImages({ directory }: { directory: string }): Images {
  /** Stores on their way, by digest: two messages may bring the same image at once. */
  const writing = new Map<string, Promise<void>>();

  function keep(bytes: Buffer): Kept {
    if (bytes.length > MAX_BYTES) return { refusal: `it has more than ${MAX_BYTES} bytes` };
    const kind = kindOf(bytes);
    if (!kind) return { refusal: 'it is no PNG, JPEG, GIF or WebP' };
    const digest = hash('sha256', bytes, 'hex');
    const path = join(directory, `${digest}.${kind.extension}`);
    let stored = writing.get(path);
    if (!stored) {
      stored = writeOnce(path, bytes).finally(() => writing.delete(path));
      writing.set(path, stored);
    }
    const { media_type } = kind;
    return {
      image: { input_type: 'path', value: path, url: `/images/${digest}`, media_type },
      stored,
    };
  }

  async function store(bytes: Buffer): Promise<ImageInput> {
    const kept = keep(bytes);
    if ('refusal' in kept) throw refused(kept.refusal);
    await kept.stored;
    return kept.image;
  }

  async function takeFile(path: string, cwd: string | null): Promise<ImageInput> {
    const roots = cwd === null ? [directory] : [directory, cwd];
    const opened = await openConfined(path, { roots, maxBytes: MAX_BYTES });
    if ('refusal' in opened) throw refused(opened.refusal);
    try {
      return await store(await opened.file.readFile());
    } finally {
      await opened.file.close();
    }
  }

  async function takeOne({ input_type, value }: ImageInput, cwd: string | null) {
    if (input_type === 'path') return await takeFile(value, cwd);
    const head = DATA_URI.exec(value)?.[0];
    if (head !== undefined) return await store(Buffer.from(value.slice(head.length), 'base64'));
    if (WEB.test(value) && value.length <= MAX_URL_CHARS) return { input_type: 'url', value };
    throw refused('it is neither a base64 data URI nor an http address');
  }

  return {
    keep,
    async take(inputs, cwd) {
      if (inputs.length > MAX_IMAGES) throw refused(`a message has at most ${MAX_IMAGES} images`);
      const taken: ImageInput[] = [];
      for (const input of inputs) taken.push(await takeOne(input, cwd));
      return taken;
    },
    async find(sha256) {
      if (!SHA256.test(sha256)) return null;
      for (const { extension, media_type } of KINDS) {
        const bytes = await readStored(join(directory, `${sha256}.${extension}`));
        if (bytes) return { media_type, bytes };
      }
      return null;
    },
  };
}

function kindOf(bytes: Buffer): Kind | undefined {
  const first = bytes.toString('hex', 0, 16);
  return KINDS.find(({ magic }) => magic.test(first));
}

/** Whole or not at all, also after a crash: a name stands for its bytes. */
async function writeOnce(path: string, bytes: Buffer): Promise<void> {
  const known = await stat(path).catch((): Stats | null => null);
  if (known?.size === bytes.length) return;
  // Only one writer at a time gets here; what an earlier life left unfinished is written over.
  const unfinished = `${path}.part`;
  const file = await open(unfinished, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
}

async function readStored(path: string): Promise<Buffer | null> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const file = await open(path, flags).catch(() => null);
  if (!file) return null;
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function refused(reason: string): OrbitError {
  return new OrbitError('invalid_image', { reason });
}
