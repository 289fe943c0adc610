import {
  type OciImageProgress,
  type OciImageProgressIndication,
  type OciImageProgressLayer,
  OciImageProgressLayerPhase,
  OciImageProgressLayerPhaseSchema,
  OciImageProgressPhase,
  OciImageProgressPhaseSchema,
} from '@protect/proto/control-common';
import { formatBytes } from './bytes.ts';
import type { Cli } from './cli.ts';
import { printable } from './printable.ts';
import { createRedrawnLines } from './redrawn-lines.ts';
import { shortName } from './short-name.ts';

/** How long a pull lasts before it is told where lines cannot be redrawn: cached images say nothing. */
const patienceMs = 2_000;

/** Columns of a layer's bar. */
const barWidth = 30;

/** How far a pull is, told on standard error. */
export interface PullProgressDisplay {
  show(progress: OciImageProgress): void;
  /** Removes what was drawn. */
  end(): void;
}

/** On a terminal a line for the image and one with a bar for each layer; elsewhere a line for each step. */
export function createPullProgress({ stderr }: Pick<Cli, 'stderr'>, image: string): PullProgressDisplay {
  return stderr.isTTY === true ? redrawn(stderr, image) : lineByLine(stderr, image);
}

function redrawn(stderr: Cli['stderr'], image: string): PullProgressDisplay {
  const lines = createRedrawnLines(stderr);
  // Phases after the download tell of no layers; theirs stay in sight until the end.
  let layers: readonly OciImageProgressLayer[] = [];
  return {
    show(progress) {
      if (progress.layers.length > 0) layers = progress.layers;
      lines.draw([title(image, progress), ...layers.map(layerLine)]);
    },
    end: () => lines.clear(),
  };
}

function lineByLine(stderr: Cli['stderr'], image: string): PullProgressDisplay {
  const began = performance.now();
  const told = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let newest: OciImageProgress | undefined;

  function tell(): void {
    if (newest === undefined) return;
    const lines = [`${image}: ${phaseName(newest)}`];
    for (const layer of newest.layers.filter(isComplete)) {
      lines.push(`${shortId(layer.id)}: ${layerPhase(layer)}${sizeOf(layer)}`);
    }
    for (const line of lines.filter((one) => !told.has(one))) {
      told.add(line);
      stderr.write(`${printable(line)}\n`);
    }
  }

  return {
    show(progress) {
      newest = progress;
      const leftMs = began + patienceMs - performance.now();
      if (leftMs <= 0) tell();
      else timer ??= setTimeout(tell, leftMs).unref();
    },
    end: () => clearTimeout(timer),
  };
}

function title(image: string, progress: OciImageProgress): string {
  const detail = indication(progress.indication);
  return `${image}: ${phaseName(progress)}${detail === undefined ? '' : ` ${detail}`}`;
}

/** `3f5d1a2b9c0e: downloading  [=======>      ] 3.1 MiB/12.3 MiB` */
function layerLine(layer: OciImageProgressLayer): string {
  const name = `${shortId(layer.id)}: ${layerPhase(layer).padEnd(12)}`;
  const detail = isComplete(layer) ? '' : indication(layer.indication);
  return detail ? `${name} ${detail}` : name.trimEnd();
}

function indication(shown: OciImageProgressIndication | undefined): string | undefined {
  const kind = shown?.indication;
  switch (kind?.case) {
    case 'bar': {
      const { current, total, isBytes, message } = kind.value;
      const count = isBytes ? (value: bigint) => formatBytes(Number(value)) : String;
      if (total === 0n) return message || (current === 0n ? undefined : count(current));
      return `${bar(Number(current) / Number(total))} ${count(current)}/${count(total)}${message && ` ${message}`}`;
    }
    case 'spinner':
    case 'completed':
      return kind.value.message || undefined;
    default:
      return undefined;
  }
}

function bar(part: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, part)) * barWidth);
  const head = filled > 0 && filled < barWidth ? '>' : '=';
  return `[${('='.repeat(Math.max(0, filled - 1)) + head.repeat(Math.min(1, filled))).padEnd(barWidth)}]`;
}

function isComplete({ phase }: OciImageProgressLayer): boolean {
  return phase === OciImageProgressLayerPhase.DOWNLOADED || phase === OciImageProgressLayerPhase.EXTRACTED;
}

function sizeOf({ indication: shown }: OciImageProgressLayer): string {
  const kind = shown?.indication;
  const bytes =
    (kind?.case === 'bar' || kind?.case === 'completed') && kind.value.isBytes ? kind.value.total : 0n;
  return bytes === 0n ? '' : ` (${formatBytes(Number(bytes))})`;
}

function phaseName({ phase }: OciImageProgress): string {
  if (phase === OciImageProgressPhase.UNKNOWN) return 'waiting';
  return shortName(OciImageProgressPhaseSchema, phase).replaceAll('-', ' ');
}

function layerPhase({ phase }: OciImageProgressLayer): string {
  return shortName(OciImageProgressLayerPhaseSchema, phase);
}

/** Twelve digits of a digest tell layers apart, as elsewhere. */
function shortId(id: string): string {
  return /^sha256:[0-9a-f]{64}$/.test(id) ? id.slice('sha256:'.length).slice(0, 12) : id;
}
