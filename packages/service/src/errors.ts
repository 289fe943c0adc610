/**
 * The configuration (a file, a flag, a state folder of a newer release) cannot work until somebody changes
 * it. A service ends with exit code 78 (EX_CONFIG), on which units do not restart it.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** By name, so that a second copy of the class is recognised too. */
export function isConfigurationError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ConfigurationError';
}

/** The error in what was thrown; anything else is wrapped. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
