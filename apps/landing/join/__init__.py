"""A landlord's first day: from the code in her phone to a meter that renters can pay."""
