"""Simulated prepaid meters: the wire of `meter_gateway.protocol` turned round.

`load`, `state`, `meter`, `registers` and `port` are pure (time is an argument); `flash`, `link`, `fleet`,
`control` and `app` are the edges that own files, sockets and the clock.
"""
