/**
 * Texts that want to be something else: markup, scripts, links, terminal sequences, characters that show
 * nothing or turn the reading direction, names that objects have by themselves. Each must be shown as the
 * text it is, wherever it stands.
 */

const MARKUP = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<svg onload=alert(1)>',
  '<svg><script>alert(1)</script></svg>',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
  '<svg><use href="data:image/svg+xml,<svg id=x onload=alert(1)/>#x">',
  '<math><mi xlink:href="javascript:alert(1)">x</mi></math>',
  '<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>',
  '<object data="javascript:alert(1)"></object>',
  '<a href="javascript:alert(1)">click</a>',
  '<form action="https://evil.example"><button>go</button></form>',
  '<base href="https://evil.example/">',
  '<meta http-equiv="refresh" content="0;url=https://evil.example">',
  '<link rel=stylesheet href="https://evil.example/x.css">',
  '<style>*{background:url(https://evil.example)}</style>',
  '<details open ontoggle=alert(1)>',
  '<input autofocus onfocus=alert(1)>',
  '"><img src=x onerror=alert(1)>',
  "'-alert(1)-'",
  '</textarea><script>alert(1)</script>',
  '<!--<img src="--><img src=x onerror=alert(1)>',
  '<template><script>alert(1)</script></template>',
  '&lt;img src=x onerror=alert(1)&gt;',
  '<img/src="x"/onerror="alert&#40;1&#41;">',
];

const LINKS = [
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'java\nscript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:msgbox(1)',
  'https://evil.example/?q=secret',
  '//evil.example/x.js',
];

const MARKDOWN = [
  '[x](javascript:alert(1))',
  '![x](https://evil.example/pixel.png)',
  '[x]: https://evil.example "onclick=alert(1)"',
  '# heading\n\n| a | b |\n|---|---|\n| <img src=x onerror=alert(1)> | 2 |',
  '```html\n<script>alert(1)</script>\n```',
  '<https://evil.example>',
];

const TERMINAL = [
  '\u001b[2J\u001b[H approved',
  '\u001b]52;c;ZXZpbA==\u0007',
  '\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007',
  '\u001b[8mhidden\u001b[0m',
  'rm -rf /\r# npm test       ',
  'echo ok\u0008\u0008rm -rf /',
  '\u009b31mred',
  'a\u0000b\u0007c\u007f',
];

const INVISIBLE = [
  'rm \u202etxt.exe\u202c -rf',
  '\u2066left\u2069 \u2067right\u2069',
  'pay\u200bpal\u200c.com\u200d',
  'tag\u{e0041}\u{e0042}\u{e007f}',
  'soft\u00adhyphen \u2060joiner \ufeffmark',
  'filler\u3164\u115f\u1160',
  'line\u2028separator\u2029paragraph',
  'mongolian\u180evowel',
];

const ODD = [
  '__proto__',
  'constructor.prototype.polluted',
  '{{constructor.constructor("alert(1)")()}}',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is meant to be text
  '${alert(1)}#{alert(1)}<%= alert(1) %>',
  `Z\u0351\u036b\u0343${'\u0301'.repeat(60)}algo`,
  'W'.repeat(600),
  'שלום world مرحبا',
  '👩\u200d👩\u200d👧 🏴\u{e0067}\u{e007f} \u2067',
];

/** At least sixty of them. */
export const HOSTILE: readonly string[] = [
  ...MARKUP,
  ...LINKS,
  ...MARKDOWN,
  ...TERMINAL,
  ...INVISIBLE,
  ...ODD,
];
