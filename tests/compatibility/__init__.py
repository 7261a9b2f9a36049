"""What a release must understand of the former one, and leave to it, while both run."""
