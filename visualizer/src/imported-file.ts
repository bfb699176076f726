/**
 * A file that was opened to be looked at: an incident bundle or a conversation, as this page exports them. It is in
 * the list as a session that has ended. What panels ask the server of it is answered here, from the file alone;
 * nothing of it leaves the browser.
 */
import { batch, signal } from '@preact/signals';
import type { Answer, InspectRecord, InspectRequests } from '../../src/protocol/inspect.ts';
import { notice, rows, rowsTick } from './page-state.ts';
import type { Imported } from './read-export.ts';

/** Ids of opened files begin like this; no session's does. */
const PREFIX = 'file:';
/** A bundle of a full journal is a few megabytes. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Records of one page, as the server's. */
const PAGE = 300;
const REFUSAL = 'An opened file shows what it holds, and this it does not hold.';

/** Files that are open, by the id that stands for each. */
export const imported = signal<ReadonlyMap<string, Imported>>(new Map());

/** Whether an id stands for an opened file. */
export function isImported(session: string | null | undefined): boolean {
  return session?.startsWith(PREFIX) === true;
}

/** Opens a file. @returns the id that stands for it @throws Error in words when it holds nothing to show */
export async function openFile(file: File): Promise<string> {
  if (file.size > MAX_BYTES) throw new Error(`${file.name} is larger than any export.`);
  const text = await file.text();
  const { readExport } = await import('./read-export.ts');
  const id = `${PREFIX}${file.name}`;
  const found = readExport(text, id, file.name);
  batch(() => {
    imported.value = new Map(imported.peek()).set(id, found);
    listImported();
    if (found.remarks.length > 0) notice.value = found.remarks.join(' ');
  });
  return id;
}

/** Closes it again. */
export function closeFile(id: string): void {
  const after = new Map(imported.peek());
  after.delete(id);
  imported.value = after;
  rows.delete(id);
  rowsTick.value += 1;
}

/** Puts the rows of opened files into the list, which the server replaces whenever it greets. */
export function listImported(): void {
  for (const [id, { row }] of imported.peek()) rows.set(id, row);
  rowsTick.value += 1;
}

/** The answer to what a panel asks of an opened file. */
export function answerImported<Name extends keyof InspectRequests>(
  name: Name,
  request: { session: string; seq?: number; beforeSeq?: number },
): Answer<object> {
  const found = imported.peek().get(request.session);
  const refuse = (message: string) => ({ ok: false, code: 'not_found', message }) as const;
  if (!found) return refuse('This file is not open any more: open it again.');
  const { records, row } = found;
  const first = records[0]?.seq ?? 0;
  const last = records.at(-1)?.seq ?? 0;
  const done = (answer: object): Answer<object> => ({ ok: true, ...answer });
  const page = (some: readonly InspectRecord[]) => ({
    ...{ records: some.slice(-PAGE), first, last, cut: first > 1 },
  });
  switch (name) {
    case 'watch':
      return done({ ...page(records), row, gap: false });
    case 'history':
      return done(page(records.filter(({ seq }) => seq < (request.beforeSeq ?? Number.MAX_VALUE))));
    case 'unwatch':
      return done({});
    case 'timeline':
      return done(found.timeline);
    case 'at': {
      const at = records.findIndex(({ seq }) => seq === request.seq);
      const record = records[at];
      if (!record) return refuse(REFUSAL);
      const before = records[at - 1] ?? record;
      const event = found.events.get(record.seq) ?? { type: record.event.type };
      const previous = { value: before.value, context: {} };
      return done({ ...record, event, context: {}, previous });
    }
    default:
      return refuse(REFUSAL);
  }
}
