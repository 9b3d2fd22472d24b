"""What the meters said: readings and what follows from them."""
