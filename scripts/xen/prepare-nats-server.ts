// Runs in Dom0 before nats-server starts: writes its configuration and the services' credentials.
import { prepareNatsServer } from '@protect/bus/server-config';
import { defaultStateDir, statePaths } from '@protect/config/paths';

await prepareNatsServer(statePaths(defaultStateDir));
