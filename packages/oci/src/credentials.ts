import type { RegistryAuth } from './registry-auth.ts';

/** The credentials for a server, or why there are none. */
export interface Credentials {
  readonly auth?: RegistryAuth | undefined;
  /** What keeps credentials that should be there from being used; without secrets. */
  readonly problem?: string | undefined;
}

/** What helps when a server refuses these credentials. */
export function remedyFor({ auth, problem }: Credentials): string {
  if (auth !== undefined) return 'check the credentials';
  return problem === undefined ? 'give credentials' : `give credentials (${problem})`;
}
