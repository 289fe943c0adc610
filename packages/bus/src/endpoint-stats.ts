/** What one method has done since the process started. Times in milliseconds. */
export interface EndpointCounts {
  readonly requests: number;
  readonly errors: number;
  readonly lastError: string;
  readonly processingMs: number;
}

export interface EndpointStats {
  count(processingMs: number, error: string | undefined): void;
  read(): EndpointCounts;
}

export function createEndpointStats(): EndpointStats {
  let counts: EndpointCounts = { requests: 0, errors: 0, lastError: '', processingMs: 0 };
  return {
    count(processingMs, error) {
      counts = {
        requests: counts.requests + 1,
        errors: counts.errors + (error === undefined ? 0 : 1),
        lastError: error?.slice(0, 512) ?? counts.lastError,
        processingMs: counts.processingMs + processingMs,
      };
    },
    read: () => counts,
  };
}
