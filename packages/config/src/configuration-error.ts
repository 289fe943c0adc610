/**
 * Everything that is wrong with one configuration file, reported at once. Services end with exit code 78
 * on it; they recognise it by `name`, since two copies of this class may exist in one process.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  /** One line each: file, line where known, key, what is wrong and what to write instead. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
    this.problems = problems;
  }
}
