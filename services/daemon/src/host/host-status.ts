import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GetHostStatusReplySchema } from '@protect/proto/control';
import type { GetHostAddressesResponse } from '@protect/proto/network';
import type { Logger } from 'pino';
import type { NetworkClient } from '../peers/peer-clients.ts';
import type { HostMemory } from '../zones/admission.ts';

export interface HostStatus {
  read(): Promise<MessageInitShape<typeof GetHostStatusReplySchema>>;
  /** Asks protect-network for the host's addresses; they are kept until the next time. */
  refresh(signal: AbortSignal): Promise<void>;
}

interface HostStatusDeps {
  readonly hostUuid: string;
  readonly version: string;
  readonly network: Pick<NetworkClient, 'getHostAddresses'>;
  /** What zones can have. */
  readonly memory: () => Promise<HostMemory>;
  readonly logger: Logger;
}

/** How old the shown free memory may be. */
const memoryAgeMs = 1_000;

const mibBytes = 1024n * 1024n;

/** What this host is; its addresses are empty until protect-network has told them. */
export function createHostStatus({ hostUuid, version, network, memory, logger }: HostStatusDeps): HostStatus {
  let addresses: GetHostAddressesResponse | undefined;
  let shown: { readonly read: Promise<HostMemory>; readonly at: number } | undefined;

  /** Its reading waits for other files' writing, so one serves all who ask about the same time. */
  function recentMemory(): Promise<HostMemory> {
    if (shown === undefined || performance.now() - shown.at > memoryAgeMs) {
      shown = { read: memory(), at: performance.now() };
    }
    return shown.read;
  }

  return {
    async read() {
      const { availableMib } = await recentMemory();
      return {
        hostUuid,
        hostDomid: 0,
        protectVersion: version,
        hostIpv4: addresses?.hostIpv4 ?? '',
        hostIpv6: addresses?.hostIpv6 ?? '',
        hostMac: addresses?.hostMac ?? '',
        hypFreeMem: BigInt(availableMib) * mibBytes,
      };
    },
    async refresh(signal) {
      try {
        addresses = await network.getHostAddresses({}, { signal });
      } catch (error) {
        logger.debug({ err: error }, 'protect-network did not tell the addresses of the host');
      }
    },
  };
}
