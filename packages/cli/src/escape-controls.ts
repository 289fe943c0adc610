/** Control characters that JSON and YAML allow inside quotes as they are. */
const unescaped = /[\x7f-\x9f\u2028\u2029]/;

/** Tells whether a text has such characters. */
export function hasUnescapedControls(text: string): boolean {
  return unescaped.test(text);
}

/** Escapes them in JSON, or in YAML where they are inside double quotes; the meaning stays the same. */
export function escapeControls(text: string): string {
  return text.replaceAll(
    new RegExp(unescaped, 'g'),
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
