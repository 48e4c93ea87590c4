"""Brokers: `embedded` spreads refs inside one process, `rabbit` over many. Both keep the promises of `lgsp.ports.Broker`."""
