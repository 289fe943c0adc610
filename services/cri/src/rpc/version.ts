import { create, type MessageShape } from '@bufbuild/protobuf';
import { VersionResponseSchema } from '@protect/proto/cri';

/** Version of kubelet's runtime API; kubelet refuses anything else. */
const kubeRuntimeApiVersion = '0.1.0';

/** RuntimeService/Version: what we are. The version that the caller sends is ignored, as kubelet expects. */
export function readVersion(version: string): MessageShape<typeof VersionResponseSchema> {
  return create(VersionResponseSchema, {
    version: kubeRuntimeApiVersion,
    runtimeName: 'protect',
    runtimeVersion: version,
    runtimeApiVersion: 'v1',
  });
}
