/** One mistake in a configuration file. */
export interface ConfigurationProblem {
  readonly file: string;
  /** From 1; absent when nothing in the file can be pointed at. */
  readonly line?: number;
  /** From 1; only where the file is no TOML. */
  readonly column?: number;
  /** Such as `pci.devices.gpu0.locations[0]`; empty for the file as a whole. */
  readonly key: string;
  /** What is set, shortened; absent where nothing is. */
  readonly value?: string;
  /** What is wrong, and what is allowed instead. */
  readonly message: string;
}

/** `file:line: key = value: message`, without what is not known. */
export function formatProblem({ file, line, column, key, value, message }: ConfigurationProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  const setting = value === undefined ? key : `${key} = ${value}`;
  return [place, setting, message].filter((part) => part !== '').join(': ');
}

/**
 * Everything that is wrong with one configuration file, reported at once. Services end with exit code 78
 * on it; they recognise it by `name`, since two copies of this class may exist in one process.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[], options?: ErrorOptions) {
    super(problems.map(formatProblem).join('\n'), options);
    this.problems = problems;
  }
}
