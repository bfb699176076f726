/** Text from outside as text nodes, with what would show nothing made visible. */
import { visible } from '../../../src/visible-text.ts';

/** Isolated, so that its direction cannot spill over what is beside it. */
export function VisibleText({ text }: { text: string }) {
  return (
    <bdi>
      {visible(text).map((stretch, index) =>
        stretch.hidden ? (
          <mark class="hidden-character" key={index}>
            {stretch.text}
          </mark>
        ) : (
          stretch.text
        ),
      )}
    </bdi>
  );
}
