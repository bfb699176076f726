/**
 * Markdown as elements: marked reads it, and its tokens become elements here, so that no markup is ever made of
 * text. HTML in it is shown as the text that it is, and an image as a link to it.
 */
import { lexer, type Token, type Tokens } from 'marked';
import type { ComponentChildren } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { Code } from './code.tsx';
import { VisibleText } from './visible-text.tsx';

/** A message, a plan or an option in Markdown. */
export function Markdown({ text }: { text: string }) {
  const blocks = useBlocks(text);
  return (
    <div class="markdown" dir="auto">
      <Blocks tokens={blocks} />
    </div>
  );
}

/**
 * The tokens of a text that may still grow: what is before its last paragraph is read once. A fence that is open
 * keeps everything behind it together.
 */
function useBlocks(text: string): Token[] {
  const kept = useRef<{ text: string; tokens: Token[] }>({ text: '', tokens: [] });
  return useMemo(() => {
    const end = stableEnd(text);
    const stable = text.slice(0, end);
    if (stable !== kept.current.text) kept.current = { text: stable, tokens: lexer(stable) };
    return [...kept.current.tokens, ...lexer(text.slice(end))];
  }, [text]);
}

/** A list or a quotation may go on behind a blank line, and links may be explained at the end. */
const MAY_GO_ON = /^(\s|[-*+>|]|\d+[.)])|^\[[^\]]+\]:/m;
/** Shorter texts are read anew as a whole: that costs less than to look for a safe end. */
const LONG_CHARS = 2_000;

function stableEnd(text: string): number {
  if (text.length < LONG_CHARS) return 0;
  const end = text.lastIndexOf('\n\n');
  const before = text.slice(0, end + 2);
  const hasOpenFence = (before.match(/^(```|~~~)/gm)?.length ?? 0) % 2 === 1;
  const around = text.slice(text.lastIndexOf('\n\n', end - 1) + 2);
  return end < 0 || hasOpenFence || MAY_GO_ON.test(around) ? 0 : end + 2;
}

function Blocks({ tokens }: { tokens: readonly Token[] | undefined }) {
  return (
    <>
      {(tokens ?? []).map((token, index) => (
        <Block key={index} token={token} />
      ))}
    </>
  );
}

function Block({ token }: { token: Token }) {
  switch (token.type) {
    case 'heading':
      return <Heading token={token as Tokens.Heading} />;
    case 'paragraph':
      return (
        <p dir="auto">
          <Inline tokens={token.tokens} />
        </p>
      );
    case 'code': {
      const { text, lang } = token as Tokens.Code;
      return <Code text={text} language={lang ?? ''} />;
    }
    case 'list':
      return <List token={token as Tokens.List} />;
    case 'blockquote':
      return (
        <blockquote dir="auto">
          <Blocks tokens={token.tokens} />
        </blockquote>
      );
    case 'table':
      return <Table token={token as Tokens.Table} />;
    case 'hr':
      return <hr />;
    case 'space':
    case 'def':
      return null;
    case 'text':
      return token.tokens ? <Inline tokens={token.tokens} /> : <Text token={token} />;
    default:
      // HTML, and what this page does not know: as it was written.
      return (
        <p class="wrap" dir="auto">
          <VisibleText text={token.raw.trim()} />
        </p>
      );
  }
}

/** Headings of a message are below those of the page. */
function Heading({ token }: { token: Tokens.Heading }) {
  return (
    <p
      class={`heading heading-${Math.min(3, token.depth)}`}
      role="heading"
      dir="auto"
      aria-level={Math.min(6, token.depth + 2)}
    >
      <Inline tokens={token.tokens} />
    </p>
  );
}

function List({ token }: { token: Tokens.List }) {
  const items = token.items.map((item, index) => (
    <li key={index} dir="auto" class={item.task ? 'task' : ''}>
      {item.task && (
        <input type="checkbox" checked={item.checked === true} disabled aria-label="done" />
      )}
      <Blocks tokens={item.tokens.filter(({ type }) => type !== 'checkbox')} />
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token }: { token: Tokens.Table }) {
  return (
    <div class="table" role="region" aria-label="Table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index} dir="auto">
                <Inline tokens={cell.tokens} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} dir="auto">
                  <Inline tokens={cell.tokens} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Inline({ tokens }: { tokens: readonly Token[] | undefined }): preact.JSX.Element {
  return (
    <>
      {(tokens ?? []).map((token, index) => (
        <Span key={index} token={token} />
      ))}
    </>
  );
}

function Span({ token }: { token: Token }): ComponentChildren {
  switch (token.type) {
    case 'strong':
      return (
        <strong>
          <Inline tokens={token.tokens} />
        </strong>
      );
    case 'em':
      return (
        <em>
          <Inline tokens={token.tokens} />
        </em>
      );
    case 'del':
      return (
        <del>
          <Inline tokens={token.tokens} />
        </del>
      );
    case 'codespan':
      return (
        <code dir="ltr">
          <VisibleText text={plain(token)} />
        </code>
      );
    case 'br':
      return <br />;
    case 'link':
    case 'image':
      return <Link token={token as Tokens.Link} />;
    case 'text':
      return token.tokens ? <Inline tokens={token.tokens} /> : <Text token={token} />;
    case 'escape':
      return <Text token={token} />;
    default:
      return <VisibleText text={token.raw} />;
  }
}

/** Only addresses that a browser opens by itself; others are shown as text, such as `javascript:`. */
function Link({ token }: { token: Tokens.Link | Tokens.Image }) {
  const { href, text, raw } = token;
  if (!/^(https?:|mailto:)/i.test(href)) return <VisibleText text={raw} />;
  const isImage = token.type === 'image';
  return (
    <a href={href} target="_blank" rel="noreferrer noopener" title={href}>
      {isImage ? <VisibleText text={`Image: ${text || href}`} /> : <Inline tokens={token.tokens} />}
    </a>
  );
}

function Text({ token }: { token: Token }) {
  return <VisibleText text={plain(token)} />;
}

function plain(token: Token): string {
  return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
}
