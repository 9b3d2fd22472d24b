"""What REST views about one meter share."""
