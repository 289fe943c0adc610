/** What a folder lies on. */
export interface Mount {
  readonly mountPoint: string;
  readonly fileSystem: string;
  readonly options: readonly string[];
}

/** The mount that holds `path`, from the text of /proc/self/mountinfo; of several on one place the last counts. */
export function mountOf(mountinfo: string, path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , place, options = ''] = before.split(' ');
    const [fileSystem = '', , superOptions = ''] = after.split(' ');
    if (place === undefined) continue;
    const mountPoint = unescaped(place);
    const holds = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (!holds || mountPoint.length < (best?.mountPoint.length ?? 0)) continue;
    best = { mountPoint, fileSystem, options: [...options.split(','), ...superOptions.split(',')] };
  }
  return best;
}

/** The kernel writes blanks and backslashes in paths as octal numbers. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
