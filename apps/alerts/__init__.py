"""What needs a look, and telling people so."""
