/** The key pair by which push services know this server: made once, 0600 in the data directory. */
import { readFileSync } from 'node:fs';
import { writeFileAtomically } from '../files.ts';

/** The keys as web-push takes them, base64url. A device's subscription holds for one public key only. */
export interface VapidKeys {
  subject: string;
  publicKey: string;
  privateKey: string;
}

/** Whom a push service may write to; it must look like an address, and the server has none. */
const SUBJECT = 'mailto:orbitdock-server@example.org';

/** Reads the keys, or makes them where there are none. @throws Error for a file that cannot be used */
export async function vapidKeys(path: string): Promise<VapidKeys> {
  const stored = read(path);
  if (stored !== null) return { subject: SUBJECT, ...stored };
  const { default: webPush } = await import('web-push');
  const made = webPush.generateVAPIDKeys();
  writeFileAtomically(path, `${JSON.stringify(made)}\n`, { mode: 0o600 });
  return { subject: SUBJECT, ...made };
}

function read(path: string): { publicKey: string; privateKey: string } | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { publicKey, privateKey } = JSON.parse(text) as Record<string, unknown>;
    if (typeof publicKey === 'string' && typeof privateKey === 'string') {
      return { publicKey, privateKey };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Error(
    `${path} holds no keys; remove it, and have each device subscribe to notifications again`,
  );
}
