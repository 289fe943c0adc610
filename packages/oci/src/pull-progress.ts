/** How far a pull is, in the words of the control API's OciImageProgress. */
export interface PullProgress {
  readonly phase:
    | 'started'
    | 'resolving'
    | 'resolved'
    | 'config-download'
    | 'layer-download'
    | 'assemble'
    | 'pack'
    | 'complete';
  readonly layers: readonly LayerProgress[];
}

export interface LayerProgress {
  /** Digest of the layer as stored. */
  readonly id: string;
  readonly phase: 'waiting' | 'downloading' | 'downloaded' | 'extracting' | 'extracted';
  /** Compressed bytes handled in this phase. */
  readonly currentBytes: number;
  readonly totalBytes: number;
}

export type OnProgress = (progress: PullProgress) => void;

/** Reports of bytes come at most this often; changes of phase always. */
const reportIntervalMs = 100;

/** Keeps the state of a pull's layers and reports it. */
export function trackLayers(layers: readonly { digest: string; size: number }[], onProgress: OnProgress) {
  const states = layers.map(({ digest, size }): LayerProgress => {
    return { id: digest, phase: 'waiting', currentBytes: 0, totalBytes: size };
  });
  let phase: PullProgress['phase'] = 'layer-download';
  let reported = 0;
  const report = () => {
    reported = performance.now();
    onProgress({ phase, layers: [...states] });
  };
  return {
    /** The whole pull enters a phase. */
    enter(next: PullProgress['phase']) {
      phase = next;
      report();
    },
    /** One layer enters a phase or has moved on within it. */
    layer(index: number, next: LayerProgress['phase'], currentBytes: number) {
      const state = states[index];
      if (state === undefined) return;
      states[index] = { ...state, phase: next, currentBytes };
      if (state.phase !== next || performance.now() - reported >= reportIntervalMs) report();
    },
  };
}

export type LayerTracker = ReturnType<typeof trackLayers>;
