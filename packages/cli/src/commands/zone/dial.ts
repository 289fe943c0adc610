import { Command } from 'commander';
import { addressAndPort } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { dialSocket } from '../../dial-socket.ts';
import { withExamples } from '../../examples.ts';
import { resolveZone } from '../../resolve.ts';
import { write } from '../../write.ts';

/** `protect zone dial`: standard input and output, or a port of this host, become a connection into the zone. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('dial')
      .description('connect standard input and output with a TCP port in a zone, network or not')
      .argument('<zone>', 'name or UUID')
      .argument('<[address:]port>', 'port, on the loopback of the zone unless an address is given', (text) =>
        addressAndPort(text, ''),
      )
      .option(
        '-l, --listen <[address:]port>',
        'listen on this host instead, on 127.0.0.1 unless an address is given, and carry each connection',
        (text) => addressAndPort(text, '127.0.0.1'),
      ),
    ["printf 'GET / HTTP/1.0\\r\\n\\r\\n' | protect zone dial web 80", 'ask a server in the zone'],
    ['protect zone dial web 80 --listen 8080', 'reach it as http://localhost:8080 from this host'],
  ).action(async (zone: string, target: Address, { listen }: { readonly listen?: Address }) => {
    const to = { zoneId: await resolveZone(cli.control, zone), ...target };
    if (listen === undefined) {
      await dialSocket(cli.control, to, cli.stdin, (data) => write(cli.stdout, data));
    } else {
      const { forwardPort } = await import('../../forward-port.ts');
      await forwardPort(cli, listen, to);
    }
  });
}

type Address = ReturnType<typeof addressAndPort>;
