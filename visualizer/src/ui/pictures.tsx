/** Pictures of a message: fetched with the page's token when they come into view, never by a bare address. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { SERVER_URL } from '../server-url.ts';
import { readToken } from '../token.ts';

interface Picture {
  url?: string;
  value: string;
}

/** All pictures of a message that this server keeps; others are named. */
export function Pictures({ images }: { images: readonly Picture[] }) {
  return (
    <div class="pictures">
      {images.map(({ url, value }, n) =>
        url ? (
          <Kept key={url} url={url} name={`Picture ${n + 1}`} />
        ) : (
          <code key={value}>{value}</code>
        ),
      )}
    </div>
  );
}

type Shown = { address: string } | { failure: string } | null;

function Kept({ url, name }: { url: string; name: string }) {
  const [shown, show] = useState<Shown>(null);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const end = new AbortController();
    let address: string | null = null;
    const watch = new IntersectionObserver(([entry]) => {
      if (!entry?.isIntersecting) return;
      watch.disconnect();
      fetchPicture(url, end.signal).then(
        (blob) => {
          address = URL.createObjectURL(blob);
          show({ address });
        },
        (error: Error) => {
          if (!end.signal.aborted) show({ failure: error.message });
        },
      );
    });
    if (place.current) watch.observe(place.current);
    return () => {
      watch.disconnect();
      end.abort();
      if (address !== null) URL.revokeObjectURL(address);
    };
  }, [url]);
  return (
    <div class="picture" ref={place}>
      {shown === null && <span class="hint">{name} is loading</span>}
      {shown && 'failure' in shown && <span class="hint">{`${name}: ${shown.failure}`}</span>}
      {shown && 'address' in shown && (
        <a href={shown.address} target="_blank" rel="noreferrer" title={`Open ${name}`}>
          <img src={shown.address} alt={name} />
        </a>
      )}
    </div>
  );
}

/** @throws Error with a sentence that says why there is no picture */
async function fetchPicture(url: string, signal: AbortSignal): Promise<Blob> {
  const token = readToken();
  const headers: Record<string, string> =
    token === null ? {} : { Authorization: `Bearer ${token}` };
  const answer = await fetch(new URL(`.${url}`, SERVER_URL), { headers, signal });
  if (answer.ok) return await answer.blob();
  throw new Error(answer.status === 404 ? 'not kept any more' : `not loaded (${answer.status})`);
}
