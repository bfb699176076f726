/** Lists of the engine come in pages; their readers want them whole, and not for ever. */

interface Page<Item> {
  data: Item[];
  nextCursor: string | null;
}

/** All items of a list, of at most `maxPages` pages. Rejects as the asking does. */
export async function allPages<Item>(
  ask: (cursor: string | null) => Promise<Page<Item>>,
  maxPages = 20,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < maxPages; page++) {
    const { data, nextCursor }: Page<Item> = await ask(cursor);
    items.push(...data);
    cursor = nextCursor;
    if (cursor === null) break;
  }
  return items;
}
