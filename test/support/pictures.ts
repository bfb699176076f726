/** The smallest pictures there are, one of each kind. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
export const GIF = Buffer.from(
  'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7',
  'base64',
);
export const WEBP = Buffer.from(
  'UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA',
  'base64',
);
/** By its marks only: nothing here decodes pixels. */
export const JPEG = Buffer.from(
  `ffd8ffe000104a46494600010100000100010000${'00'.repeat(40)}ffd9`,
  'hex',
);

/** A picture with so many bytes behind its end, which no decoder reads. */
export function padded(picture: Buffer, bytes: number): Buffer {
  return Buffer.concat([picture, Buffer.alloc(bytes, 0x5a)]);
}

/** Where no image is kept. */
export const KEEP_NONE = () => ({ refusal: 'nothing is kept here' });
