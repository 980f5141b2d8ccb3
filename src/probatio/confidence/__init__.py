"""What a confidence is worth, and which values may be accepted without a human, with a guaranteed error rate."""
