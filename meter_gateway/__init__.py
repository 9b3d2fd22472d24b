"""The metering side of RentMeter: the wire protocol, the gateway that speaks it and a simulated meter."""
