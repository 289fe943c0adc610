/** What one check found. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly name: string;
  /** `warning` for what harms little, or could not be seen; `failed` for what zones need. */
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do about it; absent where there is nothing to do. */
  readonly remedy?: string;
}

export function ok(name: string, detail: string): Finding {
  return { name, status: 'ok', detail };
}

export function warning(name: string, detail: string, remedy: string): Finding {
  return { name, status: 'warning', detail, remedy };
}

export function failed(name: string, detail: string, remedy: string): Finding {
  return { name, status: 'failed', detail, remedy };
}

/** For what only root may look at. */
export function unseen(name: string, what: string): Finding {
  return warning(
    name,
    `${what} cannot be seen by this user`,
    'run protect doctor as root to have it checked',
  );
}
