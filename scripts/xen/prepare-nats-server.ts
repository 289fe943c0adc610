// Runs in Dom0 before nats-server starts: writes its configuration and the services' credentials. Takes the
// state folder when it is not the usual one.
import { prepareNatsServer } from '@protect/bus/server-config';
import { defaultStateDir, statePaths } from '@protect/config/paths';

await prepareNatsServer(statePaths(process.argv[2] ?? defaultStateDir));
