"""The story of one value: what is known of it, told in words. Confidential."""
