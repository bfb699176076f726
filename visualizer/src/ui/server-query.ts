/**
 * What the server answers to a question that depends on what is shown: asked again when it changes, at
 * most every so often while live, and never shown for another moment than the one it was asked for.
 */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { AskError } from '../transport.ts';

/** While live, a question is repeated at most so often, ms. */
const EVERY_MS = 400;

/** What came of a question to the server so far. */
export interface QueryResult<Result> {
  result: Result | null;
  error: AskError | null;
}

/** Asks on the first paint and whenever `key` changes; a null key asks nothing. */
export function useServerQuery<Result>(
  key: string | null,
  question: () => Promise<Result>,
): Signal<QueryResult<Result>> {
  const answer = useSignal<QueryResult<Result>>({ result: null, error: null });
  const askedAt = useSignal(0);
  useEffect(() => {
    if (key === null) {
      answer.value = { result: null, error: null };
      return;
    }
    let isCurrent = true;
    const wait = Math.max(0, askedAt.peek() + EVERY_MS - Date.now());
    const timer = setTimeout(() => {
      askedAt.value = Date.now();
      question().then(
        (result) => {
          if (isCurrent) answer.value = { result, error: null };
        },
        (error: AskError) => {
          if (isCurrent) answer.value = { result: null, error };
        },
      );
    }, wait);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [key]);
  return answer;
}
