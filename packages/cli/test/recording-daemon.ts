import { create, type DescMethod, type Message, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { ControlService } from '@protect/proto/control';
import { WorkloadState, ZoneState } from '@protect/proto/control-common';

export const zoneId = '6f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f';
export const workloadId = '0a4e1b7c-93d2-4f58-8f0e-7b1c2d3e4f50';
export const reservationId = '5b0f6a52-7c0b-4b19-9d0f-0b6a6f1c2d3e';
export const digest = `sha256:${'ab'.repeat(32)}`;

/** One call, its messages as JSON. */
export interface Call {
  readonly method: string;
  readonly requests: readonly unknown[];
}

const zone = { id: zoneId, spec: { name: 'web' }, status: { state: ZoneState.READY } };
const workload = {
  id: workloadId,
  spec: { name: 'nginx', zoneId },
  status: { state: WorkloadState.COMPLETED, exitStatus: { code: 0 } },
};
const image = { spec: { digest } };

/** Answers that let every command come to its end; methods that are not here answer with an empty message. */
const answers: Readonly<Record<string, object>> = {
  CreateZone: { zoneId },
  ResolveZoneId: { zoneId },
  ResolveZoneIds: { zoneIds: [zoneId] },
  GetZone: { zone },
  ListZones: { zones: [zone] },
  ReadZoneMetrics: { root: { name: 'zone' } },
  ExecuteZoneCommand: { reply: { case: 'exited', value: { exitCode: 0 } } },
  CreateWorkload: { workloadId },
  ResolveWorkloadId: { workloadId },
  ResolveWorkloadIds: { workloadIds: [workloadId] },
  GetWorkload: { workload },
  ListWorkloads: { workloads: [workload] },
  PullImage: image,
  ImportImage: image,
  RemoveImage: { removed: true },
  ListImages: { images: [{ digest, names: ['docker.io/library/alpine:latest'] }] },
  CreateNetworkReservation: { reservation: { uuid: reservationId, ipv4: '10.75.0.9/32' } },
  HypervisorDebugInfo: { json: '{}' },
};

/** All methods of the control API: they write down what they are asked, and give the answers above. */
export function recordingRoutes(calls: Call[]): (router: ConnectRouter) => void {
  return (router) => {
    for (const method of ControlService.methods) {
      // The kinds of methods are the descriptor's own, which types cannot follow through a loop.
      router.rpc(method as never, handler(method, calls) as never);
    }
  };
}

function handler(method: DescMethod, calls: Call[]) {
  const answer = () => create(method.output, answers[method.name] as MessageInitShape<typeof method.output>);
  const json = (message: Message) => toJson(method.input, message);
  switch (method.methodKind) {
    case 'unary':
      return (request: Message) => {
        calls.push({ method: method.name, requests: [json(request)] });
        return answer();
      };
    case 'server_streaming':
      return async function* (request: Message) {
        calls.push({ method: method.name, requests: [json(request)] });
        yield answer();
      };
    default:
      return async function* (messages: AsyncIterable<Message>) {
        const requests: unknown[] = [];
        calls.push({ method: method.name, requests });
        for await (const message of messages) {
          requests.push(json(message));
          if (isLast(method.name, message)) break;
        }
        yield answer();
      };
  }
}

/** Consoles have no end of their own: what is attached ends with the first message. */
function isLast(method: string, message: Message): boolean {
  if (method.endsWith('Console')) return true;
  return method === 'ExecuteZoneCommand' && JSON.stringify(message).includes('"closed":true');
}
