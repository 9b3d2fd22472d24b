"""The verbs: hang a meter, ask something of it, deliver what is due, listen to the gateways."""
