import { create, type MessageShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { type StatusRequest, StatusResponseSchema } from '@protect/proto/cri';
import type { CheckResponse } from '@protect/proto/health';

/** Asks one service for its health; rejects when it does not answer. */
export type AskHealth = () => Promise<CheckResponse>;

export interface Services {
  readonly daemon: AskHealth;
  readonly network: AskHealth;
}

interface Condition {
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/**
 * RuntimeService/Status: whether pods could run now. The runtime is ready when the daemon answers and all its
 * checks pass; the network when protect-network does. Never fails because of them.
 */
export async function readStatus(
  services: Services,
  request: StatusRequest,
): Promise<MessageShape<typeof StatusResponseSchema>> {
  const [daemon, network] = await Promise.all([
    judge('protect-daemon', services.daemon),
    judge('protect-network', services.network),
  ]);
  const condition = (type: string, { status, reason, message }: Condition) => ({
    type,
    status,
    reason: status ? '' : reason,
    message,
  });
  return create(StatusResponseSchema, {
    status: {
      conditions: [condition('RuntimeReady', daemon), condition('NetworkReady', network)],
    },
    // The default handler and ours by name; neither claims a feature that is not there.
    runtimeHandlers: [{ name: '' }, { name: 'edera' }],
    ...(request.verbose ? { info: { services: JSON.stringify({ daemon, network }) } } : {}),
  });
}

async function judge(name: string, ask: AskHealth): Promise<Condition> {
  try {
    const health = await ask();
    const failed = health.checks.filter((check) => !check.ok);
    if (health.ready) return { status: true, reason: '', message: '' };
    const why = failed.map((check) => `${check.name}: ${check.message}`).join('; ');
    return { status: false, reason: 'ServiceNotReady', message: `${name} is not ready: ${why}` };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    return {
      status: false,
      reason: 'ServiceUnavailable',
      message: `${name} does not answer (${error.rawMessage}); start it`,
    };
  }
}
