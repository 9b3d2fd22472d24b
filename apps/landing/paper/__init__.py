"""What is printed: labels and receipts as PDF, with the one font they need inside."""
