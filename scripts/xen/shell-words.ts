/** One line for a POSIX shell that gives exactly these arguments: ssh hands over a line, not a list. */
export function shellWords(argv: readonly string[]): string {
  return argv.map(shellWord).join(' ');
}

function shellWord(word: string): string {
  if (word.includes('\0')) throw new Error('an argument cannot hold a NUL byte');
  // Within single quotes only the single quote itself has a meaning.
  return /^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
