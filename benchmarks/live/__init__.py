"""What only a live account can tell: its charges, its latencies, and whether it answers as the engine expects."""
