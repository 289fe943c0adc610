/**
 * Names come from callers of the API and text from zones: nothing in a line may move the cursor or turn the
 * direction of writing around.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, '?');
}
